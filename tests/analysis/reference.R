# The figures of R that tests/analysis holds ours against; clustered.py says how to run it.
suppressMessages({library(lme4); library(glmmTMB); library(jsonlite)})
arguments <- commandArgs(TRUE)
read <- function(name) {
  file <- file.path(arguments[1], paste0(name, ".csv"))
  if (file.exists(file)) read.csv(file, na.strings = "", stringsAsFactors = TRUE) else NULL
}
tight <- glmerControl(optimizer = "bobyqa", optCtrl = list(maxfun = 1e5, rhoend = 1e-9), calc.derivs = TRUE)
covariances <- function(parts) lapply(parts, function(s) unname(matrix(as.numeric(s), nrow(s))))
figures <- function(fit, seconds) list(
  terms = names(fixef(fit)), estimates = unname(fixef(fit)), covariance = unname(as.matrix(vcov(fit))),
  variances = covariances(VarCorr(fit)), log_likelihood = as.numeric(logLik(fit)),
  shape = tryCatch(getME(fit, "glmer.nb.theta"), error = function(e) NA), singular = isSingular(fit), seconds = seconds)
# glmmTMB maximises the Laplace approximation over all parameters, the dispersion of gamma and negative binomial among
# them, and has standard errors of the logarithms of the standard deviations
of_tmb <- function(fit, seconds) {
  all <- fit$sdr
  deviations <- names(all$par.fixed) == "theta"
  list(terms = names(fixef(fit)$cond), estimates = unname(fixef(fit)$cond),
    covariance = unname(as.matrix(vcov(fit)$cond)), variances = covariances(VarCorr(fit)$cond),
    log_likelihood = as.numeric(logLik(fit)), shape = sigma(fit),
    theta = unname(all$par.fixed[deviations]), theta_errors = unname(sqrt(diag(all$cov.fixed))[deviations]),
    seconds = seconds)
}
run <- function(name, data, formula, family, nodes = 1, tmb = FALSE) {
  frame <- read(data)
  if (is.null(frame)) return(NULL)
  cat(name, "\n")
  began <- proc.time()[["elapsed"]]
  fit <- if (tmb) glmmTMB(formula, frame, family = family)
         else if (identical(family, "nb")) glmer.nb(formula, frame, control = tight)
         else glmer(formula, frame, family = family, nAGQ = nodes, control = tight)
  seconds <- proc.time()[["elapsed"]] - began
  if (tmb) of_tmb(fit, seconds) else figures(fit, seconds)
}
logit <- binomial(); log_gamma <- Gamma("log")
prognosis <- mort ~ decades + factor(motor_score) + pupil + ct + hypox + hypots + tsah + edh + (1 | name)
jobs <- list(
  "toenail" = list("toenail", severe ~ active * time + (1 | g), logit),
  "toenail, 21 nodes" = list("toenail", severe ~ active * time + (1 | g), logit, 21),
  "toenail, probit" = list("toenail", severe ~ active * time + (1 | g), binomial("probit")),
  "impact" = list("impact", prognosis, logit),
  "binary" = list("clusters", binary ~ x + w + (1 | g), logit),
  "binary, 9 nodes" = list("clusters", binary ~ x + w + (1 | g), logit, 9),
  "binary, probit" = list("clusters", binary ~ x + w + (1 | g), binomial("probit")),
  "binary, cloglog" = list("clusters", binary ~ x + w + (1 | g), binomial("cloglog")),
  "binary, slopes" = list("clusters", binary ~ x + w + (1 + x | g), logit),
  "count" = list("clusters", count ~ x + w + (1 | g), poisson()),
  "count, 9 nodes" = list("clusters", count ~ x + w + (1 | g), poisson(), 9),
  "count, slopes" = list("clusters", count ~ x + w + (1 + x | g), poisson()),
  "spread" = list("clusters", spread ~ x + w + (1 | g), "nb"),
  "positive" = list("clusters", positive ~ x + w + (1 | g), log_gamma),
  "right, crossed" = list("crossed", right ~ x + (1 | person) + (1 | item), logit),
  "errors, crossed" = list("crossed", errors ~ x + (1 | person) + (1 | item), poisson()),
  "yes, alike" = list("alike", yes ~ x + (1 | g), logit),
  "count, alike" = list("alike", count ~ x + (1 | g), poisson()),
  "toenail, tmb" = list("toenail", severe ~ active * time + (1 | g), logit, tmb = TRUE),
  "binary, tmb" = list("clusters", binary ~ x + w + (1 | g), logit, tmb = TRUE),
  "binary, probit, tmb" = list("clusters", binary ~ x + w + (1 | g), binomial("probit"), tmb = TRUE),
  "binary, slopes, tmb" = list("clusters", binary ~ x + w + (1 + x | g), logit, tmb = TRUE),
  "count, slopes, tmb" = list("clusters", count ~ x + w + (1 + x | g), poisson(), tmb = TRUE),
  "spread, tmb" = list("clusters", spread ~ x + w + (1 | g), nbinom2(), tmb = TRUE),
  "positive, tmb" = list("clusters", positive ~ x + w + (1 | g), log_gamma, tmb = TRUE),
  "right, crossed, tmb" = list("crossed", right ~ x + (1 | person) + (1 | item), logit, tmb = TRUE)
)
found <- lapply(setNames(names(jobs), names(jobs)), function(name) do.call(run, c(name, jobs[[name]])))
found <- Filter(Negate(is.null), found)
versions <- sapply(c("lme4", "glmmTMB"), function(p) as.character(packageVersion(p)))
made <- list(R = R.version.string, packages = as.list(versions), figures = found)
write(toJSON(made, digits = 10, auto_unbox = TRUE, pretty = 2, na = "null"), arguments[2])

# The figures of mice that test_beside_mice.py holds ours against; beside_mice.py says how to run it.
suppressMessages({library(mice); library(jsonlite)})
arguments <- commandArgs(TRUE)
cases <- fromJSON(file.path(arguments[1], "cases.json"), simplifyVector = FALSE)
scores <- function(x) as.integer(x)
texts <- function(x) as.character(unlist(x))
read <- function(name, columns) {
  frame <- read.csv(file.path(arguments[1], paste0(name, ".csv")), na.strings = "", stringsAsFactors = TRUE,
                    check.names = FALSE)
  for (column in names(columns)) {
    ordered <- grepl("<", columns[[column]])
    labels <- strsplit(columns[[column]], if (ordered) " < " else " | ", fixed = TRUE)[[1]]
    frame[[column]] <- factor(as.character(frame[[column]]), labels, ordered = ordered)
  }
  frame
}
# mice's polr and polyreg draw labels at the maximum of the likelihood, its logreg, polr and polyreg add cases of equal
# shares of the labels (White, Daniel & Royston 2010). Here nothing is added and coefficients are drawn, as in its norm.
drawn <- function(estimate, covariance) estimate + as.vector(t(chol(covariance)) %*% rnorm(length(estimate)))
chosen <- function(probabilities, labels) {
  below <- t(apply(probabilities, 1, cumsum))[, seq_len(length(labels) - 1), drop = FALSE]
  at <- 1 + rowSums(runif(nrow(probabilities)) > below)
  factor(labels[at], labels)
}
mice.impute.proper.logreg <- function(y, ry, x, wy = !ry, ...) {
  fit <- glm(y[ry] ~ x[ry, , drop = FALSE], family = binomial())
  yes <- plogis(as.vector(cbind(1, x[wy, , drop = FALSE]) %*% drawn(coef(fit), vcov(fit))))
  chosen(cbind(1 - yes, yes), levels(y))
}
mice.impute.proper.polr <- function(y, ry, x, wy = !ry, ...) {
  rows <- data.frame(y = y[ry], x = I(x[ry, , drop = FALSE]))
  fit <- MASS::polr(y ~ x, rows, Hess = TRUE)
  repeat {
    theta <- drawn(c(fit$coefficients, fit$zeta), vcov(fit))
    zeta <- theta[-seq_along(fit$coefficients)]
    if (!is.unsorted(zeta)) break
  }
  mu <- as.vector(x[wy, , drop = FALSE] %*% theta[seq_along(fit$coefficients)])
  below <- cbind(0, plogis(outer(-mu, zeta, "+")), 1)
  chosen(below[, -1] - below[, -ncol(below)], levels(y))
}
mice.impute.proper.polyreg <- function(y, ry, x, wy = !ry, ...) {
  fit <- nnet::multinom(y[ry] ~ x[ry, , drop = FALSE], Hess = TRUE, trace = FALSE, maxit = 500)
  theta <- matrix(drawn(as.vector(t(coef(fit))), vcov(fit)), ncol(x) + 1)
  odds <- cbind(1, exp(cbind(1, x[wy, , drop = FALSE]) %*% theta))
  chosen(odds / rowSums(odds), levels(y))
}
# Means of numbers and shares of labels with the variances that they have in simple random samples
descriptive <- function(frame, targets) {
  found <- list()
  for (name in targets) {
    x <- frame[[name]]
    each <- if (is.factor(x)) sapply(levels(x), function(l) as.numeric(x == l), simplify = FALSE) else list(mean = x)
    for (what in names(each)) found[[paste(name, what)]] <- c(mean(each[[what]]), var(each[[what]]) / length(x))
    if (!is.factor(x)) found[[paste(name, "sd")]] <- c(sd(x), sd(x)^2 / (2 * (length(x) - 1)))
  }
  found
}
fitted <- function(frame, formula) {
  fit <- lm(as.formula(formula), frame)
  found <- Map(c, coef(fit), diag(vcov(fit)))
  names(found) <- paste(formula, names(coef(fit)), sep = " | ")
  found
}
pooled <- function(each) { # one list of (estimate, variance) for each completed data set
  m <- length(each)
  figures <- lapply(names(each[[1]]), function(name) {
    two <- sapply(each, function(e) e[[name]])
    between <- var(two[1, ])
    list(estimate = mean(two[1, ]), std_error = sqrt(mean(two[2, ]) + (1 + 1 / m) * between), mcse = sqrt(between / m))
  })
  setNames(figures, names(each[[1]]))
}
run <- function(name, case) {
  cat(name, "\n")
  options(contrasts = c("contr.treatment", "contr.treatment"))
  frame <- read(name, case$columns)
  formulas <- lapply(names(case$methods), as.formula, env = globalenv())
  targets <- sapply(formulas, function(f) all.vars(f)[1])
  began <- proc.time()[["elapsed"]]
  done <- mice(frame, m = case$m, maxit = case$maxit, formulas = setNames(formulas, targets),
               method = texts(case$methods), printFlag = FALSE, seed = 1)
  seconds <- proc.time()[["elapsed"]] - began
  stopifnot(is.null(done$loggedEvents), identical(unname(done$method), texts(case$methods)))
  each <- lapply(seq_len(case$m), function(k) {
    completed <- complete(done, k)
    stopifnot(!anyNA(completed))
    c(descriptive(completed, targets), do.call(c, lapply(texts(case$analyses), function(f) fitted(completed, f))))
  })
  list(m = case$m, maxit = case$maxit, seconds = seconds, figures = pooled(each))
}
versions <- list(mice = as.character(packageVersion("mice")), nnet = as.character(packageVersion("nnet")),
                 MASS = as.character(packageVersion("MASS")))
found <- if (file.exists(arguments[2])) fromJSON(arguments[2], simplifyVector = FALSE)$cases else list()
for (name in if (length(arguments) > 2) arguments[-(1:2)] else names(cases)) {
  found[[name]] <- run(name, cases[[name]])
  write_json(list(R = R.version.string, packages = versions, cases = found), arguments[2], auto_unbox = TRUE,
             digits = 10, pretty = TRUE)
}

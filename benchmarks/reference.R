# Times of R's packages on the works of this folder; rivals.py calls it and reads what it writes.
#   Rscript reference.R FOLDER
# FOLDER/jobs.csv has one row a job: work, method, file, targets, predictors, random, means, binary, cluster, short, long.
# Lists are separated by blanks. Each job adds a row to FOLDER/results.csv: work, method, milliseconds, error.
#
#   2l.pan, 2l.lmer, 2l.norm, 2l.bin   elapsed of mice(m = 1, maxit = short) / short / targets: one visit of one target
#   pan, jomo                          (elapsed of `long` sweeps - elapsed of `short` sweeps) / (long - short)
#   mice, jomo whole                   elapsed of a whole imputation of popNCR, m = 5

folder <- commandArgs(trailingOnly = TRUE)[1]
options(warn = -1)

words <- function(text) if (is.na(text) || text == "") character(0) else strsplit(text, " ")[[1]]
elapsed <- function(code) unname(system.time(code)["elapsed"])
silently <- function(code) invisible(capture.output(code))

# mice's codes: 1 fixed, 2 fixed and random, 3 fixed and its cluster mean, -2 the cluster
predictor_codes <- function(data, targets, predictors, job, method) {
  codes <- matrix(0, ncol(data), ncol(data), dimnames = list(names(data), names(data)))
  for (target in targets) {
    codes[target, setdiff(predictors, target)] <- 1
    codes[target, setdiff(intersect(predictors, words(job$random)), target)] <- 2
    if (method == "2l.pan") codes[target, setdiff(intersect(predictors, words(job$means)), target)] <- 3
    if (method == "2l.norm") codes[target, codes[target, ] == 1] <- 2 # it has random effects only
    codes[target, job$cluster] <- -2
  }
  codes
}

mice_visit <- function(data, job) {
  targets <- words(job$targets)
  predictors <- union(words(job$predictors), targets)
  methods <- setNames(rep("", ncol(data)), names(data))
  methods[targets] <- job$method
  # binary is imputed by 2l.bin alone, and where it is not a target it is filled so that all rows serve
  for (other in setdiff(names(data), c(targets, job$cluster))) data[[other]] <- fill(data[[other]])
  codes <- predictor_codes(data, targets, predictors, job, job$method)
  run <- function(rows, visits) {
    silently(mice::mice(rows, m = 1, maxit = visits, method = methods, predictorMatrix = codes, printFlag = FALSE,
                        seed = 1))
  }
  try(run(head(data, 500), 1), silent = TRUE) # loads and compiles what the method uses
  1000 * elapsed(run(data, job$short)) / job$short / length(targets)
}

fill <- function(x) {
  x[is.na(x)] <- sample(x[!is.na(x)], sum(is.na(x)), replace = TRUE)
  x
}

per_sweep <- function(job, run) 1000 * (elapsed(run(job$long)) - elapsed(run(job$short))) / (job$long - job$short)

pan_sweep <- function(data, job) {
  y <- as.matrix(data[words(job$targets)])
  pred <- cbind(1, as.matrix(data[words(job$predictors)]))
  zcol <- c(1, 1 + match(words(job$random), words(job$predictors)))
  r <- ncol(y)
  rq <- r * length(zcol)
  prior <- list(a = r, Binv = diag(r), c = rq, Dinv = diag(rq))
  subj <- match(data[[job$cluster]], unique(data[[job$cluster]]))
  per_sweep(job, function(sweeps) pan::pan(y, subj, pred, 1:ncol(pred), zcol, prior, seed = 1, iter = sweeps))
}

jomo_data <- function(data, job) {
  y <- data[words(job$targets)]
  for (name in words(job$binary)) y[[name]] <- factor(data[[name]])
  x <- data.frame(intercept = 1, data[words(job$predictors)])
  list(y = y, x = x, z = x[c("intercept", words(job$random))], clusters = data.frame(data[[job$cluster]]))
}

jomo_sweep <- function(data, job) {
  d <- jomo_data(data, job)
  per_sweep(job, function(sweeps) {
    silently(jomo::jomo1ran.MCMCchain(d$y, d$x, d$z, d$clusters, nburn = sweeps, output = 0))
  })
}

mice_whole <- function(data, job) {
  numeric <- c("extrav", "popular", "popteach")
  codes <- matrix(0, ncol(data), ncol(data), dimnames = list(names(data), names(data)))
  all <- c(numeric, "sex", "texp")
  codes[all, all] <- 1
  codes[numeric, c(numeric, "sex")] <- 3
  diag(codes) <- 0
  codes[all, job$cluster] <- -2
  methods <- setNames(rep("", ncol(data)), names(data))
  methods[numeric] <- "2l.pan"
  methods[c("sex", "texp")] <- c("2l.bin", "2lonly.mean")
  1000 * elapsed(silently(mice::mice(data, m = 5, maxit = 5, method = methods, predictorMatrix = codes,
                                     printFlag = FALSE, seed = 1)))
}

jomo_whole <- function(data, job) {
  d <- jomo_data(data, job)
  1000 * elapsed(silently(jomo::jomo1ran(d$y, d$x, d$z, d$clusters, nburn = job$long, nbetween = job$short, nimp = 5,
                                         output = 0)))
}

timed <- function(data, job) {
  set.seed(1)
  switch(job$method,
         pan = pan_sweep(data, job), jomo = jomo_sweep(data, job),
         "mice whole" = mice_whole(data, job), "jomo whole" = jomo_whole(data, job),
         mice_visit(data, job))
}

for (package in c("mice", "pan", "jomo", "lme4")) suppressMessages(requireNamespace(package, quietly = TRUE))
jobs <- read.csv(file.path(folder, "jobs.csv"), colClasses = "character")
jobs$short <- as.integer(jobs$short)
jobs$long <- as.integer(jobs$long)
for (k in seq_len(nrow(jobs))) {
  job <- jobs[k, ]
  data <- read.csv(file.path(folder, job$file))
  found <- try(timed(data, job), silent = TRUE)
  failed <- inherits(found, "try-error")
  row <- data.frame(work = job$work, method = job$method, milliseconds = if (failed) NA else found,
                    error = if (failed) trimws(substr(as.character(found), 1, 200)) else "")
  file <- file.path(folder, "results.csv")
  write.table(row, file, sep = ",", row.names = FALSE, col.names = !file.exists(file), append = file.exists(file))
}

"""Bayesian multiple imputation of incomplete multilevel data."""

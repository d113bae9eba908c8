# Thin aliases of course.py, which also works where there is no make: python course.py course
PYTHON ?= python3
VERBS := course test test-browser setup lab checkpoints tasks build check site lint doctor clean

.DEFAULT_GOAL := help
.PHONY: help $(VERBS)

help:
	@$(PYTHON) course.py --help

$(VERBS):
	@$(PYTHON) course.py $@ $(ARGS)

"""The command line: `clipedu VERB`. The verbs that need Jupyter are added by the classroom."""

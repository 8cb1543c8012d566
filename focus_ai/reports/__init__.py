"""Results for people: the reports of every command as plain text, and some as Markdown, CSV, HTML, SARIF or JUnit.

Comes in: report dictionaries (`focus-ai/run@1`, `audit@1`, `reconcile@1`, `showback@1` ...) and findings, amounts as
decimal text. Goes out: text, one module per report and form. This room must not know how the numbers were made, reads
no files and imports neither the engine nor a data library.
"""

"""The API as people and programs read it: the page, the document, examples that are true."""

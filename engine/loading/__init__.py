"""From a folder of YAML to a Catalog, or to every problem at once. The validator is the loader."""

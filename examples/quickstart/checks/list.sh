#!/bin/sh
# Prints the checks, one id a line: this is a runner's `list` command.
sed -n -e '/^#/d' -e 's/ => .*$//' -e 's/^$/without arguments/' -e p "$(dirname "$0")/cases.txt"

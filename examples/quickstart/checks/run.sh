#!/bin/sh
# Runs the checks that are named in the file $1, one id a line, and writes results/checks.xml as JUnit XML: this is a
# runner's `run` command. The program under test comes from the job `build`.
here=$(dirname "$0")
program=target/debug/quickstart
mkdir -p results
{
    echo '<?xml version="1.0" encoding="UTF-8"?>'
    echo '<testsuite name="checks">'
    while IFS= read -r id; do
        words=$id
        [ "$id" = "without arguments" ] && words=""
        expected=$(sed -n -e '/^#/d' -e "s/^$words => //p" "$here/cases.txt")
        # Each word of the id is an argument.
        # shellcheck disable=SC2086
        found=$("$program" $words 2>/dev/null) || found='!'
        if [ "$found" = "$expected" ]; then
            echo "  <testcase name=\"$id\" classname=\"checks\"/>"
        else
            echo "  <testcase name=\"$id\" classname=\"checks\">"
            echo "    <failure message=\"expected $expected, found $found\"/>"
            echo "  </testcase>"
        fi
    done < "$1"
    echo '</testsuite>'
} > results/checks.xml
# A failed check is a result, not a fault of this script.
exit 0

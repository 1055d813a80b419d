#!/bin/sh
# Packs yesterday's readings and keeps the last thirty archives.
set -eu

readings=${1:?usage: nightly_export.sh READINGS ARCHIVE}
archive=${2:?usage: nightly_export.sh READINGS ARCHIVE}
day=$(date -u -d yesterday +%F)

mkdir -p "$archive"
grep -h "$day" "$readings"/*.csv | sort -u > "$archive/$day.csv"
if [ ! -s "$archive/$day.csv" ]; then
    echo "no readings for $day" >&2
    rm -f "$archive/$day.csv"
    exit 1
fi
gzip -9f "$archive/$day.csv"

find "$archive" -name '*.csv.gz' -mtime +30 -print | while read -r old; do
    rm -f -- "$old"
done

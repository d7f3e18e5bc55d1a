#!/bin/bash
# Start Elasticsearch as the official images do: variables with dots in their names are settings.
set -euo pipefail

# Like the official entry point: "eswrapper" or flags mean the server, anything else is a command.
case "${1:-eswrapper}" in
  eswrapper) [ $# -eq 0 ] || shift ;;
  -*) ;;
  *) exec "$@" ;;
esac

# This server has few modules, and it stops at a setting whose module it lacks.
lacks_module_for() {
  case "$1" in
    ingest.geoip.*) [ ! -d modules/ingest-geoip ] ;;
    xpack.*) [ ! -d modules/x-pack-core ] ;;
    *) false ;;
  esac
}

settings=()
while IFS='=' read -r -d '' name value; do
  if [[ $name == ES_SETTING_* ]]; then # a double underscore stands for an underscore, a single one for a dot
    name=${name#ES_SETTING_}; name=${name//__/%}; name=${name//_/.}; name=${name//%/_}; name=${name,,}
  fi
  if [[ -z $value || ! $name =~ ^[-a-z0-9_]+(\.[-a-z0-9_]+)+$ ]]; then
    continue
  elif lacks_module_for "$name"; then
    echo "docker-entrypoint: $name=$value is left out, this server has no module for it" >&2
  else
    settings+=("-E$name=$value")
  fi
done < /proc/self/environ

if [[ -n ${ELASTIC_PASSWORD:-} && -d modules/x-pack-security ]]; then
  [ -f config/elasticsearch.keystore ] || elasticsearch-keystore create
  printf '%s' "$ELASTIC_PASSWORD" | elasticsearch-keystore add --force --stdin bootstrap.password
fi

exec bin/elasticsearch "${settings[@]}" "$@"

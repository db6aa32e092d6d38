export const usage = `xjp-gateway: one server between any LLM client and any provider

  xjp-gateway serve [--config FILE] [--host HOST] [--port PORT] [--data-dir DIR] [--workers N] [--open]
  xjp-gateway keys create --tenant T …       make a key; also list, show, update, disable, enable, rotate, delete
  xjp-gateway keygen T [DESCRIPTION] [RPM] [RPD]
  xjp-gateway usage [--tenant T] [--by day]  requests, tokens and cost; --rows shows single calls
  xjp-gateway migrate                        bring the database up to date; serve does it too
  xjp-gateway config check [FILE]            report every mistake, with its place
  xjp-gateway config print [FILE] [--json]   the effective configuration, secrets hidden
  xjp-gateway config explain MODEL [FILE]    which route a request would take, and why
  xjp-gateway config schema                  the JSON Schema of the configuration file
  xjp-gateway version
  xjp-gateway help

serve
  --config FILE    TOML, YAML or JSON (or the CONFIG_PATH variable). Without one, every provider whose key or address
                   is in the environment is served as provider/model; with none at all, demo/echo answers.
  --host HOST      address to listen on (127.0.0.1)
  --port PORT      port to listen on (8080; 0 takes a free one)
  --data-dir DIR   everything the gateway writes goes here
  --workers N      processes that share the port; more than one need REDIS_URL
  --open           ask for no keys
`

# One Worker, run twice on one workerd: once in Virginia, once in Tokyo, each
# bound to a node of its region. The addresses come from the command line.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "virginia", worker = (
      modules = .modules, compatibilityDate = .date, bindings = [(name = "KV", kvNamespace = "virginia-kv")])),
    (name = "tokyo", worker = (
      modules = .modules, compatibilityDate = .date, bindings = [(name = "KV", kvNamespace = "tokyo-kv")])),
    (name = "virginia-kv", external = (http = .namespace)),
    (name = "tokyo-kv", external = (http = .namespace)),
  ],
  sockets = [
    (name = "virginia", address = "127.0.0.1:0", http = (), service = "virginia"),
    (name = "tokyo", address = "127.0.0.1:0", http = (), service = "tokyo"),
  ],
);

const modules :List(Workerd.Worker.Module) = [(name = "worker.mjs", esModule = embed "worker.mjs")];

const date :Text = "2026-04-20";

# The runtime never names a namespace by itself, so a header is injected.
const namespace :Workerd.HttpOptions = (
  injectRequestHeaders = [(name = "X-KV-Namespace", value = "workers")],
);

// A Worker that does with its namespace what the request says, so that a test
// elsewhere can speak through the real binding: {"method": "get", "args": ["k"]}
// is answered with {"result": …} or {"error": "…"}.
export default {
  async fetch(request, env) {
    const { method, args } = await request.json();
    try {
      const result = await env.KV[method](...args.map(fromJSON));
      return Response.json({ result: await toJSON(result) });
    } catch (e) {
      return Response.json({ error: `${e.name}: ${e.message}` });
    }
  },
};

// JSON has no bytes and no streams: {"bytes": [0, 255]} and {"stream": ["a", "b"]},
// a chunk each, stand for them, and {"zeros": 3} for that many bytes.
function fromJSON(arg) {
  if (arg?.bytes) return new Uint8Array(arg.bytes);
  if (arg?.zeros) return new Uint8Array(arg.zeros);
  if (!arg?.stream) return arg;
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const chunk of arg.stream) controller.enqueue(encoder.encode(chunk));
      controller.close();
    },
  });
}

async function toJSON(result) {
  if (result instanceof ReadableStream) result = await new Response(result).arrayBuffer();
  if (result instanceof ArrayBuffer) return { bytes: [...new Uint8Array(result)] };
  if (result instanceof Map) return Object.fromEntries(result);
  return result ?? null;
}

export interface TimedAnswer {
  readonly firstMs: number;
  readonly totalMs: number;
  readonly tokens: number;
}

/** One streamed answer of the model that local mode was started with; the store may have others, and a newer one before it. */
export async function askLocal(
  base: string,
  prompt: string,
  { seed, tokens }: { readonly seed: number; readonly tokens: number },
): Promise<TimedAnswer> {
  const startedMs = performance.now();
  const response = await fetch(`${base}/api/generate`, {
    method: 'POST',
    // A measure that keeps this process busy outlasts the patience of the server with idle connections.
    headers: { connection: 'close' },
    body: JSON.stringify({ model: await nameModel(base), raw: true, prompt, options: { seed, num_predict: tokens } }),
  });
  let firstMs: number | undefined;
  let text = '';
  const decoder = new TextDecoder();
  for await (const bytes of response.body ?? []) {
    firstMs ??= performance.now() - startedMs;
    text += decoder.decode(bytes, { stream: true });
  }
  const totalMs = performance.now() - startedMs;
  const end = JSON.parse(text.trim().split('\n').at(-1) ?? '{}') as { eval_count?: number; error?: string };
  if (end.error !== undefined) throw new Error(end.error);
  return { firstMs: firstMs ?? totalMs, totalMs, tokens: end.eval_count ?? 0 };
}

const names = new Map<string, string>();

async function nameModel(base: string): Promise<string> {
  const known = names.get(base);
  if (known !== undefined) return known;
  const { models } = (await (await fetch(`${base}/api/ps`)).json()) as { models: readonly { name: string }[] };
  const name = models[0]?.name as string;
  names.set(base, name);
  return name;
}

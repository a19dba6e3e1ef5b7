/**
 * Libraries that most machines can load, so that many verifiers reproduce a reply: AVX2 (about since 2015), else SSE4.2
 * (since 2008). Libraries with AVX but without AVX2 do not reproduce their own results with quantised weights
 * (docs/adr/exact-classes.md).
 */
const CANONICAL = ['haswell', 'sse42'];

/**
 * The CPU library to load.
 * @param asked a library's name; `auto`: the first canonical one that runs here, else the best; or `native`: the best.
 * @param scores of this machine's libraries, by ggml: above 0 if one runs.
 */
export function chooseCpuLibrary(asked: string, scores: ReadonlyMap<string, number>): string {
  if (asked !== 'auto' && asked !== 'native') return asked;
  const canonical = asked === 'auto' ? CANONICAL.find((name) => runsHere(name, scores)) : undefined;
  const [best] = [...scores].sort(([a, scoreA], [b, scoreB]) => scoreB - scoreA || (a < b ? -1 : 1));
  return canonical ?? best?.[0] ?? '';
}

export const runsHere = (name: string, scores: ReadonlyMap<string, number>): boolean => (scores.get(name) ?? 0) > 0;

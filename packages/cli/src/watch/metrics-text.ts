/** One series of a reading, such as `ogong_verdicts_total{verdict="accept"} 3`. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: -?\d+)?$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

/** Parses a daemon's metrics in the text format of Prometheus. Other lines are left out. */
export function parseMetrics(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = LINE.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(LABEL)].map(([, key, quoted = '']) => [key as string, unquote(quoted)] as const);
    return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }];
  });
}

const unquote = (text: string): string => text.replaceAll(/\\(.)/g, (_, one: string) => (one === 'n' ? '\n' : one));

/** The sum of all series of a name whose labels have these values. 0 if there is none. */
export function sumSamples(
  samples: readonly Sample[],
  name: string,
  matches: (labels: Sample['labels']) => boolean = () => true,
): number {
  return samples
    .filter((sample) => sample.name === `ogong_${name}` && matches(sample.labels))
    .reduce((sum, { value }) => sum + (Number.isFinite(value) ? value : 0), 0);
}

/** The sums of a counter by one of its labels. */
export function groupSamples(samples: readonly Sample[], name: string, label: string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { name: own, labels, value } of samples) {
    const key = labels[label];
    if (own !== `ogong_${name}` || key === undefined || !Number.isFinite(value)) continue;
    sums[key] = (sums[key] ?? 0) + value;
  }
  return sums;
}

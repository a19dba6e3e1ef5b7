import { readFileSync } from 'node:fs';

/** A measured cost of an audit relative to its reply. */
export interface MeasuredRho {
  readonly what: string;
  readonly rho: number;
}

interface BenchRow {
  readonly id: string;
  readonly what: string;
  readonly value?: number;
  readonly note?: string;
}

/**
 * Reads the costs of audits relative to their replies from docs/bench.json: text on processors with and without its prompt, tiled
 * prompts, Mesa's Vulkan device, embeddings.
 */
export function readMeasuredRho(path: string): MeasuredRho[] {
  const bench: Readonly<Record<string, { readonly rows?: readonly BenchRow[] }>> = JSON.parse(
    readFileSync(path, 'utf8'),
  );
  return Object.values(bench)
    .flatMap(({ rows = [] }) => rows)
    .flatMap(readRow);
}

/** Returns whether docs/bench.json has to keep this row because the economics read it. */
export const isAuditCost = (id: string): boolean =>
  id.startsWith('rho-') || id.startsWith('verify-vulkan-') || id === 'embedding-audit';

function readRow({ id, what, value, note = '' }: BenchRow): MeasuredRho[] {
  if (value === undefined) return [];
  if (id.startsWith('rho-tiled-'))
    return [{ what: what.replace(/: time to audit (.*) \/ .*/, ', tiled, $1'), rho: value }];
  if (id.startsWith('rho-')) {
    const short = what.replace(/: rho.*?, (\d+) repl/, ', $1 repl').replace(/, prompts.*/, '');
    const whole = /^([\d.]+) with prompts/.exec(note)?.[1];
    return [
      { what: short, rho: value },
      ...(whole === undefined ? [] : [{ what: `${short}, with its prompt`, rho: Number(whole) }]),
    ];
  }
  if (id.startsWith('verify-vulkan-'))
    return [{ what: what.replace(/: score of a (\w+) reply.*/, ', $1'), rho: value }];
  if (id === 'embedding-audit') return [{ what: 'embeddings, random 40M f16', rho: value }];
  return [];
}

const CARD_HEAD = '| way | exact | one reply, ms | its score, ms |';

/** Reads the same costs on a GPU from docs/detection/cards.md. The reply is one alone or one of eight side by side, the cheaper of the two. */
export function readCardRho(path: string): MeasuredRho[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  const head = lines.findIndex((line) => line.startsWith(CARD_HEAD));
  if (head < 0) throw new Error(`${path} has no table of costs of a check`);
  const end = lines.findIndex((line, i) => i > head && !line.startsWith('|'));
  return lines.slice(head + 2, end).map((line) => {
    const [, way = '', , one = '', score = '', , eight = ''] = line.split('|').map((cell) => cell.trim());
    const rho = Number(score) / Math.min(Number(one), Number(eight));
    if (!(rho > 0)) throw new Error(`${path}: ${line}`);
    return { what: `H200, 1.1 B f16, ${way}`, rho };
  });
}

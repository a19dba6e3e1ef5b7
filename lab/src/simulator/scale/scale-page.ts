import type { Curves, Point } from '../../economics/finding.ts';
import type { SizeRow } from './measure-size.ts';
import type { UnendedSize } from './scale.ts';
import { CONSUMERS_A_GATEWAY } from './scale-plan.ts';

type Series = Readonly<Record<string, (row: SizeRow) => number>>;

function plot(rows: readonly SizeRow[], about: Omit<Curves, 'points' | 'xTitle' | 'logX'>, series: Series): Curves {
  const points = Object.entries(series).flatMap(([curve, read]) =>
    rows.map((row): Point => ({ curve, x: row.validators, y: read(row) })),
  );
  return { ...about, xTitle: 'validators', logX: true, points };
}

export function createScaleCurves(rows: readonly SizeRow[]): Curves[] {
  return [
    plot(
      rows,
      {
        name: 'settle',
        title: 'From admission to settlement',
        yTitle: 'virtual seconds',
        caption: 'Median and 95th percentile.',
      },
      { median: ({ settleS }) => settleS, '95th percentile': ({ settleP95S }) => settleP95S },
    ),
    plot(
      rows,
      { name: 'reply', title: 'What a reply costs', yTitle: 'a reply', caption: 'Over what the network uses at rest.' },
      {
        'kilobytes sent': ({ kilobytesAReply }) => kilobytesAReply,
        'CPU of all roles, ms': ({ cpuMsAReply }) => cpuMsAReply,
      },
    ),
    plot(
      rows,
      {
        name: 'rest',
        title: 'What the network uses at rest',
        yTitle: 'a second',
        caption: 'Beacon, announcements, readings of chain and beacon.',
      },
      {
        'kilobytes a validator': ({ idleKilobytesAValidator }) => idleKilobytesAValidator,
        'CPU of all roles, ms': ({ idleCpuMsASecond }) => idleCpuMsASecond,
      },
    ),
  ];
}

const COLUMNS: Readonly<Record<string, (row: SizeRow) => string | number>> = {
  'validators/providers/consumers': ({ size }) => size,
  'answered of asked': ({ answered, requests }) => `${answered} of ${requests}`,
  settled: ({ settled }) => settled,
  'to settle, s (p95)': ({ settleS, settleP95S }) => `${settleS} (${settleP95S})`,
  'audits a reply': ({ auditsAReply }) => auditsAReply,
  'KiB a reply': ({ kilobytesAReply }) => kilobytesAReply,
  'CPU ms a reply': ({ cpuMsAReply }) => cpuMsAReply,
  'at rest: KiB/s a validator': ({ idleKilobytesAValidator }) => idleKilobytesAValidator,
  'at rest: CPU ms/s, all': ({ idleCpuMsASecond }) => idleCpuMsASecond,
  'run: CPU s': ({ cpuS }) => cpuS,
  'run: MiB': ({ residentMiB }) => residentMiB,
};

/** Factor by which a figure grew for each factor of ten more validators, between two sizes. */
function growthOf(rows: readonly SizeRow[], read: (row: SizeRow) => number): number | undefined {
  const [first, last] = [rows[0], rows.at(-1)];
  if (first === undefined || last === undefined || first === last || read(first) <= 0 || read(last) <= 0)
    return undefined;
  const exponent = Math.log(read(last) / read(first)) / Math.log(last.validators / first.validators);
  return Number(exponent.toFixed(2));
}

function sayGrowth(rows: readonly SizeRow[]): string {
  const growths: Series = {
    'bytes a reply': ({ kilobytesAReply }) => kilobytesAReply,
    'CPU a reply': ({ cpuMsAReply }) => cpuMsAReply,
    'bytes that a validator sends and answers at rest': ({ idleKilobytesAValidator }) => idleKilobytesAValidator,
    'CPU of the whole network at rest': ({ idleCpuMsASecond }) => idleCpuMsASecond,
    'time to settle': ({ settleS }) => settleS,
  };
  const said = Object.entries(growths).map(([name, read]) => {
    const exponent = growthOf(rows, read);
    return exponent === undefined ? undefined : `- ${name}: with the power ${exponent} of the number of validators`;
  });
  return said.filter((one) => one !== undefined).join('\n');
}

export function writeScalePage(rows: readonly SizeRow[], unended: readonly UnendedSize[]): string {
  const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  const names = Object.keys(COLUMNS);
  const table = [
    row(names),
    row(names.map(() => '---')),
    ...rows.map((one) => row(Object.values(COLUMNS).map((read) => read(one)))),
  ];
  const broken = rows.filter((one) => one.broken.length > 0);
  const parts = [
    '# As the network grows',
    'Written by `npm run simulate -- --scale`; do not edit. The product’s own programs, in virtual time and one process, without faults and liars: half a minute at rest, a minute of requests (one consumer in ten asks), a minute to settle. Engines are the fake one, signatures are cheap ones, all replies are audited ([simulator](../simulator.md)): so CPU is that of the protocol alone, and no figure of a daemon. ' +
      `${CONSUMERS_A_GATEWAY} consumers share a gateway.`,
    table.join('\n'),
    ...(broken.length > 0
      ? [`**Broken invariants**: ${broken.map(({ size, broken: what }) => `${size}: ${what.join(', ')}`).join('; ')}.`]
      : []),
    ...(unended.length > 0
      ? [`Did not run to the end here: ${unended.map(({ size, why }) => `${size} (${why})`).join('; ')}.`]
      : []),
    '## How it grows',
    `From the smallest to the largest network, as a power (1 is in proportion):\n\n${sayGrowth(rows)}`,
    ...createScaleCurves(rows).map(({ title, name, caption }) => `![${title}](${name}.svg)\n\n${caption}`),
  ];
  return `${parts.join('\n\n')}\n`;
}

import type { SizeRow } from './measure-size.ts';
import type { WrittenScale } from './scale.ts';
import { CONSUMERS_A_GATEWAY } from './scale-plan.ts';

type Series = Readonly<Record<string, (row: SizeRow) => number>>;

const isTrusted = ({ doubt }: SizeRow): boolean => doubt === undefined;

const COLUMNS: Readonly<Record<string, (row: SizeRow) => string | number>> = {
  'validators/providers/consumers': ({ size, doubt }) => (doubt === undefined ? size : `${size} \\*`),
  'answered of asked': ({ answered, requests }) => `${answered} of ${requests}`,
  settled: ({ settled }) => settled,
  'to settle, s (p95)': ({ settleS, settleP95S }) => `${settleS} (${settleP95S})`,
  'audits a reply': ({ auditsAReply }) => auditsAReply,
  'KiB a reply': ({ kilobytesAReply }) => kilobytesAReply,
  'CPU ms a reply': ({ cpuMsAReply }) => cpuMsAReply,
  'at rest: KiB/s a validator': ({ idleKilobytesAValidator }) => idleKilobytesAValidator,
  'at rest: CPU ms/s, all': ({ idleCpuMsASecond }) => idleCpuMsASecond,
  'simulated, s': ({ simulatedS }) => simulatedS,
  'run: CPU s': ({ cpuS }) => cpuS,
  'run: MiB': ({ residentMiB }) => residentMiB,
};

/** Returns the exponent by which a figure grew with the number of validators, from the smallest to the largest size. */
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

/** Returns the calls that send most of a reply's bytes in the largest network that names them. */
function sayCalls(rows: readonly SizeRow[]): string[] {
  const { size, kilobytesByCall } = rows.findLast((row) => row.kilobytesByCall !== undefined) ?? {};
  if (kilobytesByCall === undefined) return [];
  const calls = Object.entries(kilobytesByCall).map(([name, kib]) => `${name} ${kib}`);
  return [`Most bytes of a reply at ${size}, in KiB by call: ${calls.join(', ')}.`];
}

/** The largest network that the whitepaper's figures are about. */
const WANTED = { validators: 100, providers: 1_000, consumers: 10_000 };
const DAY_S = 86_400;
const REPLIES_A_CONSUMER_A_SECOND = 0.1 / 60;

/** Describes the resources of a full day. An unmeasured size is estimated from the last two sizes. */
function sayExpected(rows: readonly SizeRow[]): string {
  const [before, last] = [rows.at(-2), rows.at(-1)];
  if (before === undefined || last === undefined) return '';
  const reach = (read: (row: SizeRow) => number): number => {
    const exponent = Math.log(read(last) / read(before)) / Math.log(last.validators / before.validators);
    return read(last) * (WANTED.validators / last.validators) ** exponent;
  };
  const isMeasured = last.validators >= WANTED.validators;
  const replies = WANTED.consumers * REPLIES_A_CONSUMER_A_SECOND * DAY_S;
  const bytesGiB =
    (WANTED.validators * reach(({ idleKilobytesAValidator: kib }) => kib) * DAY_S +
      replies * reach(({ kilobytesAReply }) => kilobytesAReply)) /
    2 ** 20;
  const cpuHours =
    (reach(({ idleCpuMsASecond }) => idleCpuMsASecond) * DAY_S + replies * reach(({ cpuMsAReply }) => cpuMsAReply)) /
    3_600_000;
  const of = `${WANTED.validators} validators, ${WANTED.providers} providers and ${WANTED.consumers} consumers`;
  const how = isMeasured
    ? 'by the figures above'
    : `not measured: by the power between ${before.size} and ${last.size} for each figure`;
  return [
    `## A day of ${of}`,
    `${how[0]?.toUpperCase()}${how.slice(1)}. One consumer in ten asks once a minute: ${(replies / 1e6).toFixed(1)} million replies, all audited. All machines together send ${(bytesGiB / 1_024).toFixed(1)} TiB and use ${cpuHours.toFixed(0)} hours of one core, with cheap signatures and without engines. The network at rest uses ${((reach(({ idleCpuMsASecond }) => idleCpuMsASecond) * DAY_S) / 3_600_000).toFixed(0)} of these hours. A day of that size was not simulated.`,
  ].join('\n\n');
}

/** A day that was played. */
function sayDay(day: SizeRow): string {
  const { size, requests, answered, settled, epochs, settleS, settleP95S, cpuS, residentMiB, broken } = day;
  const what = broken.length === 0 ? 'No invariant broke' : `It broke ${broken.join(', ')}`;
  return [
    '## A whole day',
    `Of ${size}, with epochs of a minute, by \`npm run simulate -- --scale --day ${size}\`: ${epochs} epochs, ${answered} of ${requests} requests answered, ${settled} replies settled. Half of them settled within ${settleS} s and 95 % within ${settleP95S} s. ${what}. It took ${cpuS} s of one core and ${residentMiB} MiB.`,
  ].join('\n\n');
}

export function writeScalePage({ rows, unended, day }: WrittenScale): string {
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
    `\`npm run simulate -- --scale\` measures and writes this page. The product's own programs run in virtual time in one process ([simulator](../simulator.md)), without faults and liars. Engines and signatures are fake and cheap, so processor time is that of the protocol alone. All replies are audited, and ${CONSUMERS_A_GATEWAY} consumers share a gateway. A run has half a minute at rest, a minute in which one consumer in ten asks, and a minute to settle. Networks of fifty validators or more get shorter times.`,
    table.join('\n'),
    ...(broken.length > 0
      ? [`**Broken invariants**: ${broken.map(({ size, broken: what }) => `${size}: ${what.join(', ')}`).join('; ')}.`]
      : []),
    ...rows.flatMap(({ size, doubt }) => (doubt === undefined ? [] : [`\\* ${size}: ${doubt}`])),
    ...(unended.length > 0
      ? [`Did not run to the end here: ${unended.map(({ size, why }) => `${size} (${why})`).join('; ')}.`]
      : []),
    '## How it grows',
    `From the smallest to the largest network, as a power (1 is in proportion):\n\n${sayGrowth(rows.filter(isTrusted))}`,
    ...sayCalls(rows),
    sayExpected(rows.filter(isTrusted)),
    ...(day === undefined ? [] : [sayDay(day)]),
  ];
  return `${parts.join('\n\n')}\n`;
}

import type { NetworkParameters } from '@ogong/chain/client';
import { chainFields } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import type { Command } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { openLedger } from '../open-ledger.ts';
import { createFormat, priceField, unitsOf } from './amount.ts';

const NOBODY = `0x${'00'.repeat(20)}`;
const MILLION = 1_000_000;

type Line = readonly [name: string, value: string];

const formatTime = (seconds: bigint): string => new Date(Number(seconds) * 1_000).toISOString();

const paramsConfig = defineConfig({
  name: 'ogong params',
  examples: ['ogong params --deployment deployment.json'],
  summary:
    'Shows the values set by governance: shares of a fee and their receivers, delays and bonds, tests, and announced changes.',
  fields: { ...chainFields, price: priceField, json: jsonField },
});

export const paramsCommand: Command = {
  name: 'params',
  summary: 'values set by governance, and announced values',
  async run(argv, output) {
    const parsed = paramsConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { json, price, ...where } = parsed.values;
    const chain = await openLedger('ogong params', where);
    const [parameters, guard, appealDelay, { timestamp: now }] = await Promise.all([
      chain.parameters(),
      chain.entryGuard(),
      chain.appealDelay(),
      chain.transactor.read('the time', (client) => client.getBlock()),
    ]);
    if (json) {
      const all = { ...parameters, ...guard, appealDelay };
      const text = JSON.stringify(all, (_, value) => (typeof value === 'bigint' ? value.toString() : value));
      printJson(output, JSON.parse(text));
      return EXIT.ok;
    }
    const { token } = unitsOf(chain.deployment);
    const show = createFormat(price);
    const lines: readonly Line[] = [
      ...listDistribution(parameters),
      ...listLimits(parameters, (atomic) => show(atomic, token)),
      ['appeals', `for ${appealDelay} s`],
      ...listTests(parameters),
      ['guardian', guard.guardian === NOBODY ? 'nobody' : guard.guardian],
      ['new money', guard.pausedUntil > now ? `is kept out until ${formatTime(guard.pausedUntil)}` : 'may come in'],
    ];
    for (const [name, value] of lines) output.write(`${name.padEnd(24)} ${value}\n`);
    return EXIT.ok;
  },
};

function listDistribution({ shares, recipients, announced }: NetworkParameters): Line[] {
  const sum = (of: NetworkParameters['shares']) => Object.values(of).reduce((total, bps) => total + bps, 0);
  const percent = (bps: number): string => `${bps / 100} %`;
  const name = (of: typeof announced | { shares: typeof shares; recipients: typeof recipients }): Line[] => [
    ['share of the provider', percent(10_000 - sum(of.shares))],
    ...Object.entries(of.shares).map(([one, bps]): Line => [`share ${one}`, percent(bps)]),
    ...Object.entries(of.recipients).map(([one, address]): Line => [`recipient ${one}`, address]),
  ];
  const present = name({ shares, recipients });
  if (announced.from === 0n) return [...present, ['announced', 'nothing']];
  const known = new Map(present);
  const changes = name(announced).filter(([one, value]) => known.get(one) !== value);
  const from = `in force from ${formatTime(announced.from)}`;
  const said = changes.map(([one, value]): Line => ['announced', `${one} ${value}, ${from}`]);
  return [...present, ...(said.length === 0 ? ([['announced', `the value in force, ${from}`]] as const) : said)];
}

function listLimits(
  { limits, holding, verifierStakes, verifierStakeFrom }: NetworkParameters,
  format: (atomic: bigint) => string,
): Line[] {
  const from = formatTime(BigInt(verifierStakeFrom));
  return [
    ['audited', `${limits.alpha / 10_000} %`],
    ['withdrawal delay', `${limits.withdrawalDelay} s`],
    ['unbonding delay', `${limits.unbondingDelay} s`],
    ['least validator bond', format(limits.minimumValidatorBond)],
    ['least router bond', format(limits.minimumRouterBond)],
    ['least verifier stake', format(verifierStakes.now)],
    ...(verifierStakeFrom === 0
      ? []
      : ([
          ['announced', `least verifier stake ${format(limits.minimumVerifierStake)}, in force from ${from}`],
        ] as const)),
    ['earnings are held', holding.period === 0 ? 'no' : `for two whole periods of ${holding.period} s`],
  ];
}

function listTests({ tests, work, driftTable }: NetworkParameters): Line[] {
  const rate = (ppm: number): string =>
    `${ppm / MILLION} by each validator of a provider's model in an epoch, on average`;
  return [
    ['answers bought', rate(tests.canaryRate)],
    ['timed jobs', rate(tests.timedRate)],
    ['slowest device', `${tests.slowestRate} tokens a second`],
    ['work of newcomers', work.bits === 0 ? 'none' : `${work.bits} bits, for ${work.epochs} epochs`],
    ['drift table', /^0x0*$/.test(driftTable.hash) ? 'none' : `version ${driftTable.version}, ${driftTable.hash}`],
  ];
}

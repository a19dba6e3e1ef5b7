import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ChainClient, EarningsBalance } from '@ogong/chain/client';
import type { Hex } from '@ogong/chain/hex';
import { chainFields } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { boolean, hex, integer, text } from '@ogong/host/config/values';
import { createOrLoadKeys } from '@ogong/host/crypto/key-files';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { createNodeHybridSigner, createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { openLedger } from '../open-ledger.ts';
import { createFormat, priceField, unitsOf } from './amount.ts';
import { findCosigned } from './cosigned.ts';
import { printEarnedDays, readEarnedDays, shareOfProvider, sumEarnedDays, toEarnedJson } from './earned-days.ts';

const config = defineConfig({
  name: 'ogong earnings',
  examples: [
    'ogong earnings --provider <id> --payee <address> --deployment deployment.json',
    'ogong earnings --keys <dir> --days 7 --deployment deployment.json',
  ],
  summary:
    "Shows a provider's earnings, and their held part. It only reads: `ogong withdraw` pays the payee, and `ogong claim` pays the part that\n" +
    'its verifiers earned.\n' +
    'Earnings of one period are held for the next two whole periods; an ejection takes the held amount.',
  fields: {
    ...chainFields,
    provider: {
      schema: hex(32),
      replaces: ['keys'],
      description: 'provider id, as ogong-provider serve prints it',
    },
    payee: { schema: hex(20), replaces: ['keys'], description: 'ledger address that is paid, without 0x' },
    keys: {
      schema: text,
      label: '<dir>',
      env: 'OGONG_PROVIDER_DATA_DIR',
      replaces: ['provider', 'payee'],
      description: 'data directory of a provider on this machine, instead of --provider and --payee',
    },
    periods: {
      schema: integer({ min: 1, max: 366 }),
      description: 'show also the earnings of this many last whole periods, and the time at which the payee owns them',
    },
    parts: {
      schema: boolean,
      boolean: true,
      description:
        "show also the payee's rewards as a co-signer and payments as a maker of models; it searches all events of the chain",
    },
    days: {
      schema: integer({ min: 1, max: 3_660 }),
      description:
        'with --keys: show also the served replies of this many last days, by model, and reasons of unpaid ones',
    },
    price: priceField,
    json: jsonField,
  },
});

export const earningsCommand: Command = {
  name: 'earnings',
  summary: "a provider's earnings, their held part, and the part that its payee can have",
  async run(argv, output) {
    const parsed = config.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { json, ...where } = parsed.values;
    const account = readAccount(parsed.values);
    const chain = await openLedger(config.definition.name, where);
    const [balance, parameters, verified, liability, ejection, priority, bond] = await Promise.all([
      chain.earningsOf(...account),
      chain.parameters(),
      chain.creditOf(account[1]),
      chain.liabilityOf(account[1]),
      chain.ejectionOf(account[0]),
      chain.priorityOf(account[1]),
      chain.keyBondOf(...account),
    ]);
    const { holding } = parameters;
    const beside = { priority: priority.amount, unbonding: bond.leaving, forfeited: bond.forfeited };
    const shown = { ...balance, verified, ...liability, ...beside };
    const { periods: count = 0 } = parsed.values;
    const periods = await readPeriods(chain, account, { seconds: holding.period, count });
    const parts = parsed.values.parts ? await readParts(chain, account[1]) : undefined;
    const served = readServedDays(parsed.values);
    const days = served && sumEarnedDays(served.sums, shareOfProvider(parameters));
    const isEjected = ejection.since !== 0n;
    if (json) {
      const listed = count > 0 && {
        periods: periods.map(({ earned, ...one }) => ({ ...one, earned: earned.toString() })),
      };
      printJson(output, {
        ...{ provider: account[0].slice(2), payee: account[1] },
        ...toStrings(shown),
        ...(parts && toStrings({ ...parts })),
        periodSeconds: holding.period,
        isEjected,
        ...listed,
        ...(days && toEarnedJson(days, served)),
      });
    } else {
      const { paid } = unitsOf(chain.deployment);
      const show = createFormat(parsed.values.price);
      const format = (atomic: bigint): string => show(atomic, paid);
      printBalance(output, shown, { account, periodSeconds: holding.period, format });
      if (parts) printParts(output, parts, format);
      if (isEjected)
        output.write(
          'this key is ejected: its held amount goes to the verification pool after the appeal, and so does its bond\n',
        );
      for (const { from, earned, vestsAt, isVested } of periods) {
        const state = isVested ? "the payee's since" : 'held until';
        output.write(`${from}  ${format(earned)}  (${state} ${vestsAt})\n`);
      }
      if (days) printEarnedDays(output, days, { unpaid: served.unpaid, format });
    }
    return EXIT.ok;
  },
};

interface AccountParts {
  /** Of pots of days that are over: `ogong claim` makes it credit. */
  readonly cosignedClaimable: bigint;
  /** Of the pots of this day, as they are now. */
  readonly cosignedRunning: bigint;
  readonly cosignedClaimed: bigint;
  /** In all; the unclaimed part is in the credit. */
  readonly makerPaid: bigint;
}

async function readParts(chain: ChainClient, payee: Hex): Promise<AccountParts> {
  const [pots, { makerAtomic, cosignerAtomic }] = await Promise.all([
    findCosigned({ ...chain, address: payee }, true),
    chain.partsPaid(payee),
  ]);
  return {
    ...{ cosignedClaimable: pots.overAtomic, cosignedRunning: pots.runningAtomic },
    ...{ cosignedClaimed: cosignerAtomic, makerPaid: makerAtomic },
  };
}

function printParts(output: Output, parts: AccountParts, format: (atomic: bigint) => string): void {
  const rows: readonly (readonly [string, bigint, string])[] = [
    ['co-signer', parts.cosignedClaimable, 'of days that are over; ogong claim pays it'],
    ['today', parts.cosignedRunning, 'of its pots as they are now; claimable tomorrow'],
    ['claimed', parts.cosignedClaimed, 'of pots so far'],
    ['maker', parts.makerPaid, 'credited in all; the unclaimed part is in the credit'],
  ];
  for (const [name, amount, note] of rows) output.write(`${name.padEnd(13)} ${format(amount)}  (${note})\n`);
}

/** @throws ConfigError */
function readServedDays({ keys, days }: Pick<EarningsFlags, 'keys' | 'days'>) {
  if (days === undefined) return undefined;
  const name = config.definition.name;
  if (keys === undefined) throw new ConfigError(name, ['--days takes --keys: only the provider keeps what it served']);
  const found = readEarnedDays(keys, { days, nowMs: Date.now() });
  if (found === undefined) throw new ConfigError(name, [`--keys ${keys}: no provider has run there`]);
  return found;
}

/** After their own period, earnings are held for two more. */
const VESTS_AFTER = 3;

interface EarnedPeriod {
  /** Its first second, ISO 8601. */
  readonly from: string;
  /** Without the first units of the account, which are never the payee's; atomic units. */
  readonly earned: bigint;
  readonly vestsAt: string;
  readonly isVested: boolean;
}

/** Reads the last whole periods with earnings, the newest first. The running one is left out. */
async function readPeriods(
  chain: ChainClient,
  account: readonly [Hex, Hex],
  { seconds, count }: { readonly seconds: number; readonly count: number },
): Promise<EarnedPeriod[]> {
  if (count === 0 || seconds === 0) return [];
  const { timestamp } = await chain.transactor.read('the time', (client) => client.getBlock());
  const current = Math.floor(Number(timestamp) / seconds);
  const numbers = Array.from({ length: Math.min(count, current) }, (_, i) => current - 1 - i);
  const toText = (period: number): string => new Date(period * seconds * 1_000).toISOString();
  const periods: EarnedPeriod[] = [];
  for (const number of numbers) {
    const earned = await chain.earnedIn(...account, number);
    if (earned === 0n) continue;
    const vests = number + VESTS_AFTER;
    periods.push({ from: toText(number), earned, vestsAt: toText(vests), isVested: current >= vests });
  }
  return periods;
}

type EarningsFlags = Pick<
  Extract<ReturnType<typeof config.parse>, { kind: 'run' }>['values'],
  'provider' | 'payee' | 'keys' | 'days'
>;

/** @returns provider id and payee. @throws ConfigError, KeyFileError */
function readAccount({ provider, payee, keys }: EarningsFlags): readonly [Hex, Hex] {
  const refuse = (problem: string): never => {
    throw new ConfigError(config.definition.name, [problem]);
  };
  if (keys === undefined) {
    if (provider !== undefined && payee !== undefined) return [`0x${provider}`, `0x${payee}`];
    return refuse('--provider and --payee are required, or --keys');
  }
  if (provider !== undefined || payee !== undefined)
    refuse('--keys names provider and payee: give neither --provider nor --payee with it');
  // Without this, a mistyped directory would be given keys of its own.
  if (!existsSync(join(keys, 'hybrid.key'))) refuse(`--keys: ${keys} is no data directory of a provider`);
  const { hybridSeed, ledgerKey } = createOrLoadKeys(keys);
  const id = hashHybridKey(nodeCrypto, createNodeHybridSigner(hybridSeed.reveal()).publicKey);
  const { address } = createNodeLedgerSigner(ledgerKey.reveal());
  return [`0x${toHex(id)}`, `0x${toHex(address)}`];
}

/** JSON has no integers of this size. */
function toStrings(amounts: Readonly<Record<string, bigint>>): Record<string, string> {
  return Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, amount.toString()]));
}

function printBalance(
  output: Output,
  shown: EarningsBalance &
    Readonly<Record<'verified' | 'stakedAtomic' | 'refuted' | 'priority' | 'unbonding' | 'forfeited', bigint>>,
  {
    account: [provider, payee],
    periodSeconds,
    format,
  }: {
    readonly account: readonly [Hex, Hex];
    readonly periodSeconds: number;
    readonly format: (atomic: bigint) => string;
  },
): void {
  const { earned, held, withdrawable, paid, collectable, collected, verified, stakedAtomic, refuted } = shown;
  const { bonded, priority, unbonding, forfeited } = shown;
  const pays = `ogong withdraw --provider ${provider.slice(2)} --payee ${payee.slice(2)} pays it`;
  const rows: readonly (readonly [string, bigint, string])[] = [
    ['earned', earned, ''],
    [
      'held',
      held,
      periodSeconds === 0
        ? 'this network holds nothing back'
        : `each part until two whole periods of ${periodSeconds} s are over`,
    ],
    ['bond', bonded + unbonding, 'put down for this key; counts as held but for what is on its way out'],
    ['forfeited', forfeited, 'of the bond, by an ejection that is final'],
    ['withdrawable', withdrawable, withdrawable > 0n ? pays : ''],
    ['paid', paid, ''],
    ['verification', collected + collectable, 'the first units, and what an ejection took'],
    ['credit', verified, 'earnings of its verifiers; ogong claim pays them, by the payee'],
    ['stake', stakedAtomic, refuted > 0n ? `${refuted} refuted reports on the last day with any; each costs 2 %` : ''],
    ['priority', priority, 'stake that weighs in routing'],
  ];
  for (const [name, amount, note] of rows) {
    output.write(`${name.padEnd(13)} ${format(amount)}${note === '' ? '' : `  (${note})`}\n`);
  }
}

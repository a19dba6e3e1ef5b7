import type { ChainClient } from '@ogong/chain/client';
import type { Hex } from '@ogong/chain/hex';
import { chainFields } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { hex, integer } from '@ogong/host/config/values';
import type { Output } from '@ogong/host/lifecycle/command';
import type { Verb } from '@ogong/host/lifecycle/command-group';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { openLedger } from '../open-ledger.ts';
import { act, actionFields } from './act.ts';
import { formatAmount, priceField, unitsOf } from './amount.ts';
import { listHeldPenalties } from './case-subject.ts';

const EXAMPLE = '--keypair <path> --deployment deployment.json';
/** The newest ones. */
const LISTED = 100;

const formatTime = (seconds: bigint): string => new Date(Number(seconds) * 1_000).toISOString();

const listConfig = defineConfig({
  name: 'ogong case list',
  examples: ['ogong case list --deployment deployment.json'],
  summary:
    `Shows the newest ${LISTED} cases: the accused, the amount taken, the reporter, and the end of the time for an appeal.\n` +
    'With --payee it shows the penalties held of one payee, by their numbers, and the appeals against them.',
  fields: {
    ...chainFields,
    payee: { schema: hex(20), description: 'account, without 0x, whose penalties are shown instead of cases' },
    price: priceField,
    json: jsonField,
  },
});

export const listVerb: Verb = {
  summary: 'show cases, the newest first',
  async run(argv, output) {
    const parsed = listConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { json, price, payee, ...where } = parsed.values;
    const client = await openLedger('ogong case list', where);
    if (payee !== undefined) {
      await showPenalties(client, output, { payee: `0x${payee}`, price, json });
      return EXIT.ok;
    }
    const [count, appealS, { timestamp: now }] = await Promise.all([
      client.caseCount(),
      client.appealDelay(),
      client.transactor.read('the time', (reader) => reader.getBlock()),
    ]);
    const ids = Array.from({ length: Math.min(count, LISTED) }, (_, i) => count - 1 - i);
    const cases = await Promise.all(ids.map((id) => client.caseOf(id)));
    const toState = (isOver: boolean, until: bigint): string => {
      if (isOver) return 'over';
      return now < until ? `appeal until ${formatTime(until)}` : 'ogong case close pays it out';
    };
    const shown = cases.map((one) => ({ ...one, appealUntil: one.openedAt + BigInt(appealS) }));
    if (json) {
      printJson(output, {
        cases: shown.map(({ openedAt, amount, appealUntil, ...one }) => ({
          ...{ ...one, openedAt: Number(openedAt), appealUntil: Number(appealUntil), amount: `${amount}` },
        })),
      });
    } else if (shown.length === 0) output.write('there is no case yet\n');
    else {
      const { token } = unitsOf(client.deployment);
      for (const { id, offence, accused, amount, isOver, appealUntil } of shown) {
        const taken = formatAmount(amount, price, token);
        output.write(`${id}  ${offence}  ${accused}  ${taken}  (${toState(isOver, appealUntil)})\n`);
      }
    }
    return EXIT.ok;
  },
};

async function showPenalties(
  client: ChainClient,
  output: Output,
  {
    payee,
    price,
    json,
  }: { readonly payee: Hex; readonly price: number | undefined; readonly json: boolean | undefined },
): Promise<void> {
  const held = await listHeldPenalties(client, payee);
  if (json) {
    const penalties = held.map(({ penalty, amount, refuted, subject, isAppealed, panel }) => ({
      ...{ number: penalty, amount: `${amount}`, refuted, subject, isAppealed, panel },
    }));
    printJson(output, { payee, penalties });
    return;
  }
  if (held.length === 0) output.write(`no penalty is held of ${payee}\n`);
  const { token } = unitsOf(client.deployment);
  const which = (penalty: number): string => `--payee ${payee.slice(2)} --number ${penalty}`;
  for (const { penalty, amount, refuted, isAppealed, panel } of held) {
    const drawn = panel.length > 0 ? `a panel of ${panel.length} hears it` : `ogong case draw ${which(penalty)}`;
    const reports = `${refuted} refuted ${refuted === 1 ? 'report' : 'reports'}`;
    const taken = formatAmount(amount, price, token);
    output.write(
      `${penalty}  ${taken}  ${reports}  (${isAppealed ? `appealed against: ${drawn}` : 'nobody appealed'})\n`,
    );
  }
}

const closeConfig = defineConfig({
  name: 'ogong case close',
  examples: [`ogong case close --case 3 ${EXAMPLE}`],
  summary:
    'Pays the proceeds of a case to its reporter and to the treasury, once its appeal is over. Anybody may call it, and gets nothing for it.',
  fields: { ...actionFields, case: { schema: integer(), required: true, description: 'number of the case' } },
});

export const closeVerb: Verb = {
  summary: 'pay out the proceeds of a case',
  async run(argv, output) {
    const parsed = closeConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { case: id, ...values } = parsed.values;
    let told: Readonly<Record<string, unknown>> = {};
    return act('ogong case close', values, output, {
      does: `close case ${id}`,
      fields: () => told,
      async run(writes, client) {
        const { accused, reporter, amount } = await client.caseOf(id);
        told = { case: id, accused, reporter, amount: `${amount}` };
        await writes.closeCase(id);
      },
    });
  },
};

const collectConfig = defineConfig({
  name: 'ogong case collect',
  examples: [
    `ogong case collect --payee <address> ${EXAMPLE}`,
    `ogong case collect --payee <address> --provider <id> ${EXAMPLE}`,
  ],
  summary:
    'Pays the treasury the penalties of an account, once their appeal is over. With --provider, pays the verification pool its part of\n' +
    "the earnings of that key: its first units, and after a final ejection, the held earnings and the key's bond. Anybody may call it.",
  fields: {
    ...actionFields,
    payee: { schema: hex(20), required: true, description: 'the account, without 0x' },
    provider: { schema: hex(32), description: 'id of a provider that earns for it' },
  },
});

export const collectVerb: Verb = {
  summary: 'pay treasury or pool the proceeds of penalties and ejections',
  async run(argv, output) {
    const parsed = collectConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { payee: account, provider, ...values } = parsed.values;
    const payee = `0x${account}` as const;
    let told: Readonly<Record<string, string>> = {};
    return act('ogong case collect', values, output, {
      does:
        provider === undefined
          ? `pay the treasury what penalties took of ${payee}`
          : `pay the verification pool what it is due of what provider ${provider.slice(0, 16)} earned for ${payee}`,
      fields: () => told,
      async run(writes, client) {
        if (provider === undefined) {
          const { amountAtomic } = await client.heldPenaltyOf(payee);
          told = { penalty: `${amountAtomic}` };
          if (amountAtomic > 0n) await writes.collectPenalty(payee);
          return;
        }
        const key = `0x${provider}` as const;
        const { collectable } = await client.earningsOf(key, payee);
        const { forfeited } = await client.keyBondOf(key, payee);
        told = { earnings: `${collectable}`, bond: `${forfeited}` };
        if (collectable > 0n) await writes.collectEarnings(key, payee);
        if (forfeited > 0n) await writes.forfeitKeyBond(key, payee);
      },
    });
  },
};

const evictConfig = defineConfig({
  name: 'ogong case evict',
  examples: [`ogong case evict --validator <address> ${EXAMPLE}`, `ogong case evict --router <address> ${EXAMPLE}`],
  summary:
    'Takes a validator with a bond below the least off the registry, or ends a router with such a stake. Anybody may call it; the rest of the bond stays its own.',
  fields: {
    ...actionFields,
    validator: { schema: hex(20), description: 'account of the validator, without 0x' },
    router: { schema: hex(20), description: 'account of the router, without 0x' },
  },
});

export const evictVerb: Verb = {
  summary: 'end a validator or router whose bond is below the least',
  async run(argv, output) {
    const program = 'ogong case evict';
    const parsed = evictConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { validator, router, ...values } = parsed.values;
    if ((validator === undefined) === (router === undefined)) {
      throw new ConfigError(program, ['say whom: --validator or --router']);
    }
    const whom = `0x${validator ?? router}` as const;
    return act(program, values, output, {
      does: validator === undefined ? `end the router ${whom}` : `take the validator ${whom} off the registry`,
      run: (writes) => (validator === undefined ? writes.retireRouter(whom) : writes.evictValidator(whom)),
    });
  },
};

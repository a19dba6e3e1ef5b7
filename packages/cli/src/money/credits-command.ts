import type { ChainClient } from '@ogong/chain/client';
import type { Address } from '@ogong/chain/hex';
import type { IssuedCredits } from '@ogong/chain/money/burn-and-mint';
import { chainFields } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { decimal, hex, text } from '@ogong/host/config/values';
import { loadLedgerKey } from '@ogong/host/crypto/key-files';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import type { Command } from '@ogong/host/lifecycle/command';
import { createCommandGroup, type Verb } from '@ogong/host/lifecycle/command-group';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { toHex } from '@ogong/protocol/base/bytes';
import { computeDollars } from '@ogong/protocol/settlement/burn-mint';
import { openLedger } from '../open-ledger.ts';
import { act, actionFields } from './act.ts';
import { formatAmount, formatTokens, lessSlippage, readUnits } from './amount.ts';

const EXAMPLE = '--keypair <path> --deployment deployment.json';
/** Seconds after which a top-up that is not mined counts for nothing. */
const DEADLINE_S = 1_200n;

function requireStable({ deployment }: Pick<ChainClient, 'deployment'>, program: string): Address {
  const { stable } = deployment.burnAndMint ?? {};
  if (stable === undefined) throw new ConfigError(program, ['this network is paid in its token: it has no credits']);
  return stable;
}

const formatCredits = (atomic: bigint): string => formatAmount(atomic, undefined, 'credits');

const topUpConfig = defineConfig({
  name: 'ogong credits top-up',
  examples: [
    `ogong credits top-up --amount 25 ${EXAMPLE} --dry-run`,
    `ogong credits top-up --amount 0.01 --asset <address> --slippage 2 ${EXAMPLE}`,
  ],
  summary:
    'Buys tokens with the stablecoin, or another asset that has a price, burns them, and gives the account credits: a credit is a dollar of\n' +
    'work, is gone 30 days later, and cannot be transferred. Then ogong escrow deposit.',
  fields: {
    ...actionFields,
    amount: {
      schema: text,
      label: '<amount>',
      required: true,
      description: 'how much of the asset, such as 25 or "1000 atomic"',
    },
    asset: {
      schema: hex(20),
      description: "the asset's contract, without 0x. Default: the network's stablecoin; its token is burned directly",
    },
    slippage: {
      schema: decimal({ min: 0, max: 50 }),
      label: '<percent>',
      default: '1',
      description:
        "fewest credits that you accept, in percent below the asset's price: for the pool's fee and the price change by the order",
    },
  },
});

const topUp: Verb = {
  summary: 'buy credits with the stablecoin or another asset',
  async run(argv, output) {
    const program = 'ogong credits top-up';
    const parsed = topUpConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { amount: written, asset: named, slippage, ...values } = parsed.values;
    let told: Readonly<Record<string, string>> = {};
    return act(program, values, output, {
      does: `top up with ${written}${named === undefined ? ' of the stablecoin' : ` of 0x${named}`}`,
      fields: () => told,
      async run(writes, client) {
        const stable = requireStable(client, program);
        const asset: Address = named === undefined ? stable : `0x${named}`;
        const described = await client.describeAsset(asset);
        const amount = readUnits(program, { flag: 'amount', written }, described);
        const balance = await client.assetBalanceOf(asset, client.address);
        if (balance < amount) {
          const [has, wanted] = [balance, amount].map(
            (one) => `${formatTokens(one, described.decimals)} ${described.symbol}`,
          );
          throw new ConfigError(program, [
            `${client.address} has ${has}, not ${wanted}; lower the amount, or bring more to this account first`,
          ]);
        }
        const { spot, average } = await client.pricesOf(asset);
        const worth = computeDollars(amount, spot < average ? spot : average);
        const least = lessSlippage(worth, slippage);
        output.writeError(
          `${formatTokens(amount, described.decimals)} ${described.symbol} are worth ${formatCredits(worth)}; fewer than ${formatCredits(least)} are not taken\n`,
        );
        const now = await client.transactor.read('the time', async (reader) => (await reader.getBlock()).timestamp);
        const before = await client.paymentBalanceOf(client.address);
        await writes.topUp(asset, amount, least, now + DEADLINE_S);
        const amounts = { asset, amount: `${amount}`, worth: `${worth}`, least: `${least}` };
        const issued = client.isDry ? {} : { issued: `${(await client.paymentBalanceOf(client.address)) - before}` };
        told = { ...amounts, ...issued };
      },
    });
  },
};

const showConfig = defineConfig({
  name: 'ogong credits show',
  examples: ['ogong credits show --address <address> --deployment deployment.json'],
  summary: "Shows an account's credits with their end, its earnings and claims, and the oracle's prices.",
  fields: {
    ...chainFields,
    address: { schema: hex(20), replaces: ['keypair'], description: 'the account, without 0x' },
    keypair: {
      schema: text,
      label: '<path>',
      env: 'OGONG_KEYPAIR',
      replaces: ['address'],
      description: "file with the account's key, instead",
    },
    json: jsonField,
  },
});

/** Lists the credits that the wallet still has, the newest ones: the oldest are spent first. */
export function listRemaining(issued: readonly IssuedCredits[], balance: bigint): IssuedCredits[] {
  const remaining: IssuedCredits[] = [];
  let rest = balance;
  for (const { amount, until } of [...issued].reverse()) {
    const part = amount < rest ? amount : rest;
    if (part > 0n) remaining.unshift({ amount: part, until });
    rest -= part;
  }
  return remaining;
}

const show: Verb = {
  summary: 'credits of an account, and when they are gone',
  async run(argv, output) {
    const program = 'ogong credits show';
    const parsed = showConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { address, keypair, json, ...where } = parsed.values;
    if ((address === undefined) === (keypair === undefined)) {
      throw new ConfigError(program, ['say whose: --address or --keypair']);
    }
    const own = keypair === undefined ? undefined : createNodeLedgerSigner(loadLedgerKey(keypair).reveal()).address;
    const account: Address = `0x${own === undefined ? address : toHex(own)}`;
    const chain = await openLedger(program, where);
    const stable = requireStable(chain, program);
    const [balance, deposit, credit, issued, shares, takesTokens, token, dollar] = await Promise.all([
      chain.paymentBalanceOf(account),
      chain.freeOf(account),
      chain.creditOf(account),
      chain.issuedCreditsOf(account),
      chain.mintSharesOf(account),
      chain.takesTokens(account),
      chain.priceState(chain.deployment.token),
      chain.priceState(stable),
    ]);
    const remaining = listRemaining(issued, balance);
    const payout = takesTokens ? 'tokens' : 'stable';
    if (json) {
      printJson(output, {
        ...{ account, credits: `${balance}`, deposit: `${deposit}`, credit: `${credit}`, payout },
        remaining: remaining.map(({ amount, until }) => ({ amount: `${amount}`, until: Number(until) })),
        earned: shares.map(({ number, own: dollars, isClosed }) => ({
          ...{ epoch: Number(number), dollars: `${dollars}`, isClosed },
        })),
        prices: {
          token: { price: `${token.last.price}`, time: Number(token.last.time) },
          stable: { price: `${dollar.last.price}`, time: Number(dollar.last.time) },
        },
      });
      return EXIT.ok;
    }
    const line = (name: string, value: string): void => output.write(`${name.padEnd(16)} ${value}\n`);
    output.write(`${account}\n`);
    line('credits', formatCredits(balance));
    for (const { amount, until } of remaining) line('', `${formatCredits(amount)} until ${formatTime(until)}`);
    line('deposit', `${formatCredits(deposit)}  (in the escrow, not reserved)`);
    line('credit', `${formatCredits(credit)}  (ogong claim takes it)`);
    const earned = shares.reduce((sum, { own: dollars }) => sum + dollars, 0n);
    line('earned', `${formatCredits(earned)} in ${shares.length} epochs  (ogong claim pays them, in ${payout})`);
    const age = token.last.price === 0n ? 'never said' : `said at ${formatTime(token.last.time)}`;
    line('token', `$${formatTokens(token.last.price)}  (${age}${token.doubted.price === 0n ? '' : ', doubted now'})`);
    return EXIT.ok;
  },
};

const formatTime = (seconds: bigint): string => new Date(Number(seconds) * 1_000).toISOString();

export const creditsCommand: Command = createCommandGroup({
  ...{ program: 'ogong', name: 'credits', summary: "a payer's credits, in a network that burns and mints" },
  verbs: { show, 'top-up': topUp },
  examples: [
    `ogong credits top-up --amount 25 ${EXAMPLE} --dry-run`,
    'ogong credits show --address <address> --deployment deployment.json',
  ],
});

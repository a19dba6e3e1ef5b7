import { chainFields } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { hex, text } from '@ogong/host/config/values';
import { loadLedgerKey } from '@ogong/host/crypto/key-files';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { toHex } from '@ogong/protocol/base/bytes';
import { openLedger } from '../open-ledger.ts';
import { formatAmount, formatTokens, priceField, unitsOf } from './amount.ts';

const showFields = {
  ...chainFields,
  price: priceField,
  json: jsonField,
} as const;

type Row = readonly [name: string, atomic: bigint, note?: string | undefined, unit?: string | undefined];

/** @param price of a token. Credits are dollars. */
function printRows(output: Output, rows: readonly Row[], price: number | undefined): void {
  for (const [name, atomic, note, unit] of rows) {
    const amount = formatAmount(atomic, unit === 'credits' ? undefined : price, unit);
    output.write(`${name.padEnd(16)} ${amount}${note === undefined ? '' : `  (${note})`}\n`);
  }
}

/** Atomic units as text: JSON has no integers of this size. */
const toStrings = (rows: readonly Row[]): Record<string, string> =>
  Object.fromEntries(rows.map(([name, atomic]) => [name, atomic.toString()]));

const formatTime = (seconds: bigint): string => new Date(Number(seconds) * 1_000).toISOString();

const walletConfig = defineConfig({
  name: 'ogong wallet',
  examples: [
    'ogong wallet --address <address> --deployment deployment.json',
    'ogong wallet --keypair <path> --price 0.02',
  ],
  summary:
    "Shows an account's holdings: tokens, deposit, credit, stake, priority stake, bond, and amounts on their way out.",
  fields: {
    ...showFields,
    address: { schema: hex(20), replaces: ['keypair'], description: 'the account, without 0x' },
    keypair: {
      schema: text,
      label: '<path>',
      env: 'OGONG_KEYPAIR',
      replaces: ['address'],
      description: "file with the account's key, instead",
    },
  },
});

export const walletCommand: Command = {
  name: 'wallet',
  summary: "an account's holdings, and their places",
  async run(argv, output) {
    const parsed = walletConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { address, keypair, json, price, ...where } = parsed.values;
    if ((address === undefined) === (keypair === undefined)) {
      throw new ConfigError('ogong wallet', ['say whose: --address or --keypair']);
    }
    const own = keypair === undefined ? undefined : createNodeLedgerSigner(loadLedgerKey(keypair).reveal()).address;
    const account = `0x${own === undefined ? address : toHex(own)}` as const;
    const chain = await openLedger('ogong wallet', where);
    const [coin, tokens, free, credit, stake, priority, bond, penalty] = await Promise.all([
      chain.transactor.read('coin', (client) => client.getBalance({ address: account })),
      chain.balanceOf(account),
      chain.freeOf(account),
      chain.creditOf(account),
      chain.liabilityOf(account),
      chain.priorityOf(account),
      chain.bondOf(account),
      chain.heldPenaltyOf(account),
    ]);
    const { token, paid } = unitsOf(chain.deployment);
    const untilOf = (amount: bigint, at: bigint) => (amount > 0n ? `until ${formatTime(at)}` : undefined);
    const credits = chain.deployment.burnAndMint === undefined ? undefined : await chain.paymentBalanceOf(account);
    const rows: readonly Row[] = [
      ['tokens', tokens, undefined, token],
      ...(credits === undefined ? [] : ([['credits', credits, 'ogong credits show says more', paid]] as const)),
      ['deposit', free, 'in the escrow, not reserved', paid],
      ['credit', credit, 'ogong claim pays it', paid],
      ['stake', stake.stakedAtomic, 'including stake on its way out', token],
      ['priority', priority.amount, 'stake that weighs in routing', token],
      ['deprioritizing', priority.leaving, untilOf(priority.leaving, priority.leavesAt), token],
      ['bond', bond.amount, undefined, token],
      ['unbonding', bond.unbonding, untilOf(bond.unbonding, bond.unbondableAt), token],
      ['penalties', penalty.amountAtomic, 'held until the appeal is over', token],
    ];
    if (json) printJson(output, { account, coinWei: coin.toString(), ...toStrings(rows) });
    else {
      output.write(`${account}\n${'coin for fees'.padEnd(16)} ${formatTokens(coin)}\n`);
      printRows(output, rows, price);
    }
    return EXIT.ok;
  },
};

const supplyConfig = defineConfig({
  name: 'ogong supply',
  examples: ['ogong supply --deployment deployment.json'],
  summary: 'Shows the places of all tokens: circulating, vesting, for sale in the launch, and held by the emission.',
  fields: showFields,
});

export const supplyCommand: Command = {
  name: 'supply',
  summary: 'where all tokens are',
  async run(argv, output) {
    const parsed = supplyConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { json, price, ...where } = parsed.values;
    const chain = await openLedger('ogong supply', where);
    if (chain.deployment.burnAndMint !== undefined) {
      const [tokens, { credits, backing }] = await Promise.all([chain.mintedSupply(), chain.creditSupply()]);
      const rows: readonly Row[] = [
        ['total', tokens, 'burned for credits, minted for work', 'OROG'],
        ['credits', credits, 'in wallets, escrow and earnings', 'credits'],
        ['backing', backing, 'burned for these credits', 'OROG'],
      ];
      if (json) printJson(output, toStrings(rows));
      else printRows(output, rows, price);
      return EXIT.ok;
    }
    const supply = await chain.supply();
    const rows: readonly Row[] = [
      ['total', supply.total, 'fixed: nobody mints or burns'],
      ['circulating', supply.circulating],
      ['team', supply.team, 'vesting'],
      ['foundation', supply.foundation, 'vesting'],
      ['releasable', supply.releasable, 'of both, vested and not taken'],
      ['emission', supply.emission, 'earned by work only'],
      ['launch', supply.launch, chain.deployment.launch ? 'for sale: ogong launch quote' : 'no curve sells any'],
    ];
    if (json) printJson(output, toStrings(rows));
    else printRows(output, rows, price);
    return EXIT.ok;
  },
};

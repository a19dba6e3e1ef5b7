import type { LaunchReading } from '@ogong/chain/money/launch-curve';
import { chainFields } from '@ogong/host/config/common-fields';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { decimal, text } from '@ogong/host/config/values';
import type { Command } from '@ogong/host/lifecycle/command';
import { createCommandGroup, type Verb } from '@ogong/host/lifecycle/command-group';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import {
  buyFromLaunch,
  computeLaunchAmount,
  computeLaunchCost,
  computeLaunchPayment,
  computeLaunchPrice,
  LAUNCH_TRANCHE_ATOMIC,
  type LaunchState,
  sellToLaunch,
} from '@ogong/protocol/settlement/launch-curve';
import { openLedger } from '../open-ledger.ts';
import { act, actionFields } from './act.ts';
import {
  assertUnit,
  formatTokens,
  lessSlippage,
  readUnits,
  tokenAmount,
  unitsOf,
  type WrittenAmount,
} from './amount.ts';

const EXAMPLE = '--keypair <path> --deployment deployment.json';
/** Seconds after which an order that is not mined counts for nothing. */
const DEADLINE_S = 1_200n;
/** Of a price that people read. */
const DIGITS = 6;
/** Of the token, beside those of the asset in a price. */
const PRICE_DIGITS = 18;

/** The exchanged amounts by the present curve. */
interface LaunchTrade {
  readonly deed: 'buy' | 'sell';
  readonly amount: bigint;
  /** Of the asset. */
  readonly payment: bigint;
  readonly after: LaunchState;
}

interface LaunchWish {
  /** An amount of the asset, as written. */
  readonly pay?: string | undefined;
  readonly amount?: bigint | undefined;
}

/** @throws ConfigError if it has neither or both, or would buy nothing */
function planBuy(program: string, state: LaunchReading, { pay, amount }: LaunchWish): LaunchTrade {
  if ((pay === undefined) === (amount === undefined)) {
    throw new ConfigError(program, ['say how much: --pay, of what the launch sells for, or --amount, of tokens']);
  }
  if (amount !== undefined && amount >= state.left) {
    throw new ConfigError(program, [
      `--amount: the curve has ${formatTokens(state.left)} OGONG left, and never sells all of them`,
    ]);
  }
  const payment =
    amount === undefined
      ? readUnits(program, { flag: 'pay', written: pay as string }, state)
      : computeLaunchCost(state, amount);
  const bought = computeLaunchAmount(state, payment);
  if (bought === 0n)
    throw new ConfigError(program, ['--pay: that buys less than the smallest unit of OGONG; pay more']);
  return { deed: 'buy', amount: bought, payment, after: buyFromLaunch(state, payment) };
}

/** @throws ConfigError if the curve sold fewer, or would pay nothing */
function planSale(program: string, state: LaunchReading, amount: bigint): LaunchTrade {
  const sold = LAUNCH_TRANCHE_ATOMIC - state.left;
  if (amount > sold) {
    throw new ConfigError(program, [
      `the curve buys back what it sold, which is ${formatTokens(sold)} OGONG: sell no more than that`,
    ]);
  }
  const payment = computeLaunchPayment(state, amount);
  if (payment === 0n) throw new ConfigError(program, [`that is worth less than the smallest unit of ${state.symbol}`]);
  return { deed: 'sell', amount, payment, after: sellToLaunch(state, amount) };
}

const formatAsset = (atomic: bigint, { symbol, decimals }: LaunchReading): string =>
  `${formatTokens(atomic, decimals)} ${symbol}`;

/** A few digits: the price of one token at the margin. */
function formatPrice(state: LaunchState, { symbol, decimals }: LaunchReading): string {
  const price = Number(computeLaunchPrice(state)) / 10 ** (decimals + PRICE_DIGITS);
  return `${Number(price.toPrecision(DIGITS))} ${symbol}`;
}

function describeTrade({ deed, amount, payment, after }: LaunchTrade, state: LaunchReading): string {
  const [tokens, paid] = [`${formatTokens(amount)} OGONG`, formatAsset(payment, state)];
  const change = `the price goes from ${formatPrice(state, state)} to ${formatPrice(after, state)}`;
  return deed === 'buy' ? `${paid} buy ${tokens}; ${change}` : `${tokens} are bought back for ${paid}; ${change}`;
}

const toJson = ({ deed, amount, payment, after }: LaunchTrade) => ({
  ...{ deed, amount: `${amount}`, payment: `${payment}`, priceAfter: `${computeLaunchPrice(after)}` },
});

const payField = {
  schema: text,
  label: '<amount>',
  description: 'amount to pay in the launch\'s asset, such as 25 or "1000 atomic"',
} as const;
const amountField = { schema: tokenAmount, description: 'how many tokens are bought, instead of --pay' } as const;
const slippageField = {
  schema: decimal({ min: 0, max: 50 }),
  label: '<percent>',
  default: '1',
  description: 'how much less than now is taken, in percent: others may come first',
} as const;

export const quoteConfig = defineConfig({
  name: 'ogong launch quote',
  examples: [
    'ogong launch quote --deployment deployment.json',
    'ogong launch quote --pay 25',
    'ogong launch quote --sell 1000',
  ],
  summary:
    "Shows what the launch's curve has sold, what a token costs, and what a buyer or a seller would get now. Needs no key.",
  fields: {
    ...chainFields,
    pay: payField,
    amount: amountField,
    sell: { schema: tokenAmount, description: 'how many tokens are sold back, instead of the other two' },
    json: jsonField,
  },
});

const quote: Verb = {
  summary: 'tokens sold by the launch, its price, and your result',
  async run(argv, output) {
    const program = 'ogong launch quote';
    const parsed = quoteConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { pay, amount, sell, json, ...where } = parsed.values;
    const isBuy = pay !== undefined || amount !== undefined;
    if (isBuy && sell !== undefined) throw new ConfigError(program, ['say one of --pay, --amount and --sell']);
    const client = await openLedger(program, where);
    for (const [flag, written] of [
      ['amount', amount],
      ['sell', sell],
    ] as const) {
      if (written !== undefined) assertUnit(program, { flag, amount: written }, unitsOf(client.deployment).token);
    }
    const state = await client.launchState();
    const sale = sell === undefined ? undefined : planSale(program, state, sell.atomic);
    const trade = isBuy ? planBuy(program, state, { pay, amount: amount?.atomic }) : sale;
    const { asset, symbol, decimals, virtualReserve, reserve, left } = state;
    const sold = LAUNCH_TRANCHE_ATOMIC - left;
    if (json) {
      printJson(output, {
        ...{ asset, symbol, decimals, virtualReserve: `${virtualReserve}`, reserve: `${reserve}`, left: `${left}` },
        ...{ sold: `${sold}`, price: `${computeLaunchPrice(state)}`, ...(trade && { trade: toJson(trade) }) },
      });
      return EXIT.ok;
    }
    const line = (name: string, value: string): void => output.write(`${name.padEnd(12)} ${value}\n`);
    line('for sale', `${formatTokens(left)} OGONG`);
    line('sold', `${formatTokens(sold)} OGONG`);
    line('price', `${formatPrice(state, state)} for one`);
    line('reserve', `${formatAsset(reserve, state)}  (what buyers paid; it stays with the curve)`);
    if (trade) output.write(`\n${describeTrade(trade, state)}\n`);
    return EXIT.ok;
  },
};

export const buyConfig = defineConfig({
  name: 'ogong launch buy',
  examples: [
    `ogong launch buy --pay 25 ${EXAMPLE} --dry-run`,
    `ogong launch buy --amount 1000 --slippage 2 ${EXAMPLE}`,
  ],
  summary:
    'Buys tokens of the launch from its curve. With --amount it pays the present price of that amount; other buyers in between leave fewer tokens for it, within --slippage.',
  fields: { ...actionFields, pay: payField, amount: amountField, slippage: slippageField },
});

export const sellConfig = defineConfig({
  name: 'ogong launch sell',
  examples: [`ogong launch sell --amount 1000 ${EXAMPLE} --dry-run`],
  summary: "Sells tokens back to the launch's curve, at its price: as many as it has sold.",
  fields: {
    ...actionFields,
    amount: { schema: tokenAmount, required: true, description: 'how many tokens are sold' },
    slippage: slippageField,
  },
});

interface LaunchDeed {
  readonly slippage: number;
  /** Description before the curve is read. */
  readonly does: string;
  /** Of tokens. */
  readonly written: WrittenAmount | undefined;
  readonly plan: (state: LaunchReading) => LaunchTrade;
}

function runTrade(
  program: string,
  values: Parameters<typeof act>[1],
  output: Parameters<typeof act>[2],
  { slippage, does, written, plan }: LaunchDeed,
): Promise<number> {
  let told: Readonly<Record<string, string>> = {};
  return act(program, values, output, {
    ...{ does, amounts: written === undefined ? [] : [{ flag: 'amount', amount: written, is: 'token' } as const] },
    fields: () => told,
    async run(writes, client) {
      const state = await client.launchState();
      const planned = plan(state);
      const { deed, amount, payment } = planned;
      const isBuy = deed === 'buy';
      const [given, got] = isBuy ? [payment, amount] : [amount, payment];
      const show = (atomic: bigint, ofAsset: boolean): string =>
        ofAsset ? formatAsset(atomic, state) : `${formatTokens(atomic)} OGONG`;
      const balanceOf = (ofAsset: boolean): Promise<bigint> =>
        ofAsset ? client.assetBalanceOf(state.asset, client.address) : client.balanceOf(client.address);
      const has = await balanceOf(isBuy);
      if (has < given) {
        throw new ConfigError(program, [
          `${client.address} has ${show(has, isBuy)}, not ${show(given, isBuy)}; lower the amount, or bring more to this account first`,
        ]);
      }
      const least = lessSlippage(got, slippage);
      output.writeError(`${describeTrade(planned, state)}; less than ${show(least, !isBuy)} is not taken\n`);
      const before = await balanceOf(!isBuy);
      const order = { given, least, deadline: state.time + DEADLINE_S };
      if (isBuy) await writes.buyAtLaunch(state.asset, order);
      else await writes.sellAtLaunch(order);
      const received = client.isDry ? {} : { received: `${(await balanceOf(!isBuy)) - before}` };
      told = { asset: state.asset, ...toJson(planned), least: `${least}`, ...received };
    },
  });
}

const buy: Verb = {
  summary: 'buy tokens from the curve',
  async run(argv, output) {
    const program = 'ogong launch buy';
    const parsed = buyConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { pay, amount, slippage, ...values } = parsed.values;
    const what = amount === undefined ? `with ${pay}` : `${formatTokens(amount.atomic)} OGONG`;
    return runTrade(program, values, output, {
      ...{ slippage, does: `buy at the launch ${what}`, written: amount },
      plan: (state) => planBuy(program, state, { pay, amount: amount?.atomic }),
    });
  },
};

const sell: Verb = {
  summary: 'sell tokens back to the curve',
  async run(argv, output) {
    const program = 'ogong launch sell';
    const parsed = sellConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { amount, slippage, ...values } = parsed.values;
    return runTrade(program, values, output, {
      ...{ slippage, does: `sell at the launch ${formatTokens(amount.atomic)} OGONG`, written: amount },
      plan: (state) => planSale(program, state, amount.atomic),
    });
  },
};

export const launchCommand: Command = createCommandGroup({
  ...{ program: 'ogong', name: 'launch', summary: "the launch's curve: price of a token, buy and sell" },
  verbs: { quote, buy, sell },
  examples: [
    'ogong launch quote --pay 25 --deployment deployment.json',
    `ogong launch buy --pay 25 ${EXAMPLE} --dry-run`,
  ],
});

import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import {
  computeAveragePrice,
  computeBackingPart,
  computeBoundedMint,
  computeCarriedBurn,
  computeCarriedCredits,
  computeDocumentMint,
  computeGovernancePart,
  computeLeastSale,
  computeMedianPrice,
  computeMintClaim,
  computePoolOut,
  computeQuotePrice,
  computeTopUp,
  hashPriceQuote,
} from '@ogong/protocol/settlement/burn-mint';
import {
  type CreditAccount,
  computeCreditBalance,
  countLiveCredits,
  depositCredits,
  emptyCreditAccount,
  issueCredits,
  refundCredits,
} from '@ogong/protocol/settlement/credit-account';

const WHOLE = 10n ** 18n;
const DAY = 86_400n;
const text = (fields: Readonly<Record<string, bigint>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, `${value}`]));

/** Final amounts of an epoch, at and around each bound of the rules. */
const EPOCHS = [
  // Dollars, burned, price, supply, burned within ninety days.
  [1_000n * WHOLE, 10_000n * WHOLE, WHOLE / 10n, 10n ** 9n * WHOLE, 10_000n * WHOLE],
  [1_000n * WHOLE, 9_999n * WHOLE + 1n, WHOLE / 10n, 10n ** 9n * WHOLE, 10n ** 7n * WHOLE],
  [1_000n * WHOLE, 20_000n * WHOLE, WHOLE / 7n, 10n ** 9n * WHOLE, 0n],
  [10n ** 6n * WHOLE, 10n ** 8n * WHOLE, WHOLE / 1_000n, 10n ** 9n * WHOLE, 10n ** 8n * WHOLE],
  [10n ** 6n * WHOLE, 10n ** 8n * WHOLE, WHOLE / 1_000n, 10n ** 7n * WHOLE, 10n ** 8n * WHOLE],
  [0n, 0n, WHOLE, 10n ** 9n * WHOLE, 0n],
  [1n, 1n, 1n, 1n, 1n],
].map(([dollars = 0n, burned = 0n, price = 0n, supply = 0n, recentBurn = 0n]) => ({
  ...{ dollars, burned, price, supply, recentBurn },
}));

const SETTINGS = { yearlyCap: 100_000_000n * WHOLE };

const CHANGES = [
  { time: 1_000n, price: 1_000n },
  { time: 4_600n, price: 1_200n },
  { time: 8_200n, price: 1_000n },
  { time: 8_201n, price: 7n },
];

/** One account's actions in order: time, kind, amount. After each, its credits in the wallet and in the escrow. */
const DEEDS: readonly (readonly [bigint, 'issue' | 'deposit' | 'refund', bigint])[] = [
  [0n, 'issue', 100n],
  [0n, 'deposit', 60n],
  [10n * DAY, 'issue', 50n],
  [20n * DAY, 'refund', 30n],
  [29n * DAY, 'deposit', 80n],
  [30n * DAY, 'refund', 10n],
  [39n * DAY, 'issue', 7n],
  [40n * DAY, 'deposit', 7n],
  [68n * DAY, 'refund', 7n],
  [69n * DAY, 'issue', 1n],
];

function tellAccount() {
  // Times count from a year on, so that no term reaches before 1970.
  const start = 365n * DAY;
  let account: CreditAccount = emptyCreditAccount;
  let escrowed = 0n;
  return DEEDS.map(([after, deed, amount]) => {
    const now = start + after;
    if (deed === 'issue') account = issueCredits(account, amount, now);
    else if (deed === 'deposit') account = depositCredits(account, amount, now);
    else {
      escrowed = countLiveCredits(account, escrowed, now);
      const taken = amount < escrowed ? amount : escrowed;
      account = refundCredits(account, taken, now);
      escrowed -= taken;
    }
    if (deed === 'deposit') escrowed += amount;
    return {
      ...{ time: `${now}`, deed, amount: `${amount}`, wallet: `${computeCreditBalance(account, now)}` },
      live: `${countLiveCredits(account, escrowed, now)}`,
    };
  });
}

/** Prices, top-ups, mints, lapsing credits, and a feed's signed bytes: `vectors/burn-mint.json`. */
export function createMintVectors(crypto: Crypto): Readonly<Record<string, unknown>> {
  const medians = [[5n], [5n, 8n], [1n, 2n, 9n], [1n, 2n, 3n, 2n ** 128n - 1n], [7n, 7n, 7n, 7n, 8n]];
  const pools = [
    [1_000n * 10n ** 6n, 10n ** 12n, 10n ** 25n],
    [1n, 10n ** 25n, 10n ** 12n],
    [10n ** 25n, 10n ** 25n, 10n ** 12n],
    [0n, 5n, 5n],
  ];
  const price = { asset: new Uint8Array(20).fill(0xa5), price: WHOLE / 10n, time: 1_800_000_000n };
  const domain = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(0xee) };
  const units = [
    [1_000_000_000n, 6],
    [51_000_000n, 18],
    [1n, 0],
    [1n, 36],
    [999_999_999_999_999_999n, 8],
  ] as const;
  return {
    units: units.map(([nanoUsd, decimals]) => ({
      ...{ nanoUsd: `${nanoUsd}`, decimals, price: `${computeQuotePrice(nanoUsd, decimals)}` },
    })),
    medians: medians.map((prices) => ({ prices: prices.map(String), median: `${computeMedianPrice(prices)}` })),
    averages: {
      window: '7200',
      changes: CHANGES.map(text),
      at: [8_201n, 8_202n, 9_000n, 11_800n, 15_400n, 15_401n].map((now) => ({
        now: `${now}`,
        average: `${computeAveragePrice(CHANGES, now, 7_200n)}`,
      })),
    },
    topUps: [
      { amount: 1_000n * 10n ** 6n, price: 10n ** 30n, burned: 9_960n * WHOLE, tokenPrice: WHOLE / 10n },
      { amount: 1_000n * 10n ** 6n, price: 10n ** 30n, burned: 10_001n * WHOLE, tokenPrice: WHOLE / 10n },
      { amount: 1n, price: 10n ** 30n - 1n, burned: 33n, tokenPrice: WHOLE / 3n },
    ].map(({ amount, price: worth, burned, tokenPrice }) => ({
      ...text({ amount, price: worth, burned, tokenPrice }),
      credits: `${computeTopUp({ amount, price: worth }, { amount: burned, price: tokenPrice })}`,
    })),
    parts: [
      [10_000n, 1_000n, 333n],
      [10_000n, 1_000n, 1_000n],
      [7n, 3n, 1n],
      [7n, 0n, 0n],
    ].map(([backing = 0n, supply = 0n, amount = 0n]) => ({
      ...text({ backing, supply, amount }),
      part: `${computeBackingPart(backing, supply, amount)}`,
    })),
    mints: EPOCHS.map((work) => ({
      ...text(work),
      bounded: `${computeBoundedMint(work, { ...SETTINGS, elasticityPpm: 950_000n })}`,
      document: `${computeDocumentMint(work, { ...SETTINGS, elasticityPpm: 1_500_000n })}`,
      carried: `${computeCarriedBurn(work.supply, { ...SETTINGS, elasticityPpm: 950_000n })}`,
    })),
    waits: [
      [1_000n, 10_000n, 1_000n, 80n],
      [200n, 10_000n, 1_000n, 80n],
      [9n, 10_000n, 1_000n, 80n],
      [0n, 7n, 3n, 1n],
      [0n, 0n, 3n, 3n],
    ].map(([room = 0n, backing = 0n, supply = 0n, amount = 0n]) => ({
      ...text({ room, backing, supply, amount }),
      carried: `${computeCarriedCredits(amount, { room, backing, supply })}`,
    })),
    yearlyCap: `${SETTINGS.yearlyCap}`,
    governance: [0n, 15n, 16n, 800n * WHOLE + 7n].map((dollars) => ({
      ...text({ dollars }),
      part: `${computeGovernancePart(dollars)}`,
    })),
    claims: [
      [950n, 333n, 1_000n],
      [950n, 1_000n, 1_000n],
      [1n, 999n, 1_000n],
    ].map(([minted = 0n, dollars = 0n, all = 1n]) => ({
      ...text({ minted, dollars, all }),
      tokens: `${computeMintClaim(minted, dollars, all)}`,
    })),
    pools: pools.map(([amount = 0n, reserveIn = 0n, reserveOut = 0n]) => ({
      ...text({ amount, reserveIn, reserveOut }),
      out: `${computePoolOut(amount, reserveIn, reserveOut)}`,
    })),
    sales: [
      [7_125n * WHOLE, WHOLE / 10n, 10n ** 30n],
      [1n, WHOLE / 10n, 10n ** 30n],
      [10n ** 27n, 3n * WHOLE, 10n ** 30n - 7n],
    ].map(([amount = 0n, tokenPrice = 0n, stablePrice = 1n]) => ({
      ...text({ amount, price: tokenPrice, stablePrice }),
      least: `${computeLeastSale(amount, tokenPrice, stablePrice)}`,
    })),
    account: tellAccount(),
    quote: {
      ...{ chainId: '31337', oracle: toHex(domain.verifyingContract), asset: toHex(price.asset) },
      ...text({ price: price.price, time: price.time }),
      digest: toHex(hashPriceQuote(crypto, domain, price)),
    },
  };
}

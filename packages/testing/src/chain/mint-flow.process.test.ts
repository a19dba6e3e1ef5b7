import {
  constantProductPoolAbi,
  creditsAbi,
  earningsAbi,
  escrowAbi,
  mintBurnAbi,
  ogongTokenAbi,
  orogAbi,
  payoutsAbi,
  priceOracleAbi,
} from '@ogong/chain/generated/abi';
import type { Address, Hex } from '@ogong/chain/hex';
import { computeAddress, generatePrivateKey } from '@ogong/chain/keys';
import { encodeSettle } from '@ogong/chain/settlement/settle-call';
import { DEV_DOLLAR_PRICE, DEV_TOKEN_PRICE } from '@ogong/devnet/chain/dev-market';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNodeLedgerSigner } from '@ogong/host/crypto/signers';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { hashVoucher } from '@ogong/protocol/exchange/order';
import { hashSettlement } from '@ogong/protocol/settlement/batch';
import {
  hashPriceQuote,
  MAX_ELASTICITY_PPM,
  MINT_EPOCH_S,
  MINT_EPOCHS_PER_YEAR,
} from '@ogong/protocol/settlement/burn-mint';
import { computeCreditBalance } from '@ogong/protocol/settlement/credit-account';
import { decodeFunctionResult, encodeFunctionData, maxUint256 } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { callChain, createFlow, createFlowDraw, type RpcCall } from './flow-chain.ts';
import {
  accountIn,
  applyMintDeed,
  channelIn,
  epochIn,
  type MintBook,
  type MintDeed,
  type MintRules,
} from './mint-book.ts';
import type { BlockTime } from './offence-book.ts';
import { startTestLedger, type TestLedger, termsHash, unit } from './test-ledger.ts';

const SEED = Number(process.env.OGONG_SEED ?? 95);
const DEEDS = process.env.OGONG_LONG === '1' ? 10_000 : 250;
const DAY = 86_400;
const CENT = 10n ** 4n;
/** So small that an epoch's earnings often wait for another epoch: about two credits. */
const YEARLY_CAP = 20n * unit * MINT_EPOCHS_PER_YEAR;
/** The last epochs, which are compared one by one. */
const LOOKED_AT = 4;
const NOBODY = new Uint8Array(20);
type Member = Awaited<ReturnType<TestLedger['createMember']>>;

let ledger: TestLedger;
let contracts: NonNullable<TestLedger['deployment']['burnAndMint']>;
let payers: readonly Member[];
let payees: readonly Member[];
let validators: readonly Member[];
let rules: MintRules;
/** Two sets of feeds, one of them in force. */
const feedKeys = [1, 2].map(() => [generatePrivateKey(), generatePrivateKey(), generatePrivateKey()]);
const providerIds = [1, 2].map((i): Hex => `0x${String(i).padStart(64, '0')}`);
const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));
const rpc = (...calls: readonly RpcCall[]): Promise<unknown[]> => callChain(ledger.chain.rpcUrl, ...calls);

beforeAll(async () => {
  ledger = await startTestLedger({
    feedKeys: feedKeys[0] as Hex[],
    yearlyCap: YEARLY_CAP,
    blockTimeMs: 50,
    keepsStates: false,
    limits: { minimumValidatorBond: 100n * unit },
  });
  contracts = ledger.deployment.burnAndMint as typeof contracts;
  const { token, escrow, earnings } = ledger.deployment;
  const { stable, exchange, mintBurn } = contracts;
  const bonds = [100n, 200n, 240n].map((bond) => bond * unit);
  const joined: Member[] = [];
  for (const bond of bonds) joined.push(await ledger.createValidator(bond));
  validators = joined;
  payers = [await ledger.createMember(), await ledger.createMember()];
  payees = [await ledger.createMember(10n * unit), await ledger.createMember(10n * unit)];
  // Payees below this amount are not paid.
  for (const { client } of payees) await client.stake(10n * unit);
  const data = encodeFunctionData({ abi: ogongTokenAbi, functionName: 'approve', args: [mintBurn, maxUint256] });
  for (const { address, client } of payers) {
    await ledger.governor.transferStable(address, 10_000_000n * CENT);
    await client.transactor.send('approve', stable, data);
  }
  const { shares } = await ledger.governor.parameters();
  rules = {
    ...{ token, stable, exchange, escrow, earnings, treasury: ledger.treasury, maxPriceAge: BigInt(DAY) },
    shares: {
      ...{ routerBps: shares.router, validatorBps: shares.validator, verificationBps: shares.verification },
      ...{ treasuryBps: shares.treasury, licenseBps: shares.license, recycleBps: 0 },
    },
    settings: { elasticityPpm: MAX_ELASTICITY_PPM, yearlyCap: YEARLY_CAP },
    owner: computeAddress(ledger.governorKey),
    votesOf: new Map(validators.map(({ address }, i) => [address, bonds[i] as bigint])),
  };
  // From here on only the test mines blocks.
  await ledger.chain.setBlockTime(100_000);
});
afterAll(() => ledger?.stop());

it('credits and tokens agree with the model after each block, through crashes, repeats and reorganisations', async () => {
  const flow = await openFlow(SEED);
  const counts = () => ({ ...flow.counts, ...flow.done });
  const started = performance.now();
  const isShort = () => Object.values(counts()).some((count) => count === 0);
  while (flow.counts.deeds < DEEDS || (isShort() && flow.counts.deeds < 12 * DEEDS)) await flow.step();
  const seconds = Math.round((performance.now() - started) / 1_000);
  console.log(`mint flow from seed ${SEED}, ${seconds} s: ${JSON.stringify(counts())}\n${flow.describeKinds()}`);
  for (const [what, count] of Object.entries(counts())) expect(count, what).toBeGreaterThan(0);
  // Every action is performed and refused at least once.
  const bends: Readonly<Record<string, (book: MintBook) => void>> = {
    'what was burned for credits': (book) => void book.backing++,
    'all credits': (book) => void book.credits++,
    'all tokens': (book) => void book.tokenSupply--,
    'what is minted': (book) => void book.minted++,
    'a doubted price': ({ doubted }) => void doubted.set(rules.token, { time: 1n, price: 1n }),
    'what a payee has': ({ dollars }) => void dollars.set(rules.exchange, (dollars.get(rules.exchange) ?? 0n) + 1n),
  };
  for (const [what, bend] of Object.entries(bends)) await expect(flow.reconcile(bend), what).rejects.toThrow();
}, 3_600_000);

/** Whether an epoch accepted only a part of an account's earnings. */
function hasLeft({ credit, earnings }: MintBook, deed: MintDeed): boolean {
  if (deed.kind === 'claim') return (credit.get(deed.from) ?? 0n) > 0n;
  if (deed.kind !== 'earnings') return false;
  const { earned, paid } = earnings.get(`${deed.providerId} ${deed.payee}`) ?? { earned: 0n, paid: 0n };
  return earned > paid;
}

const byNumber = (a: string, b: string): number => (a.toLowerCase() < b.toLowerCase() ? -1 : 1);

async function openFlow(seed: number) {
  const draws = createFlowDraw(seed);
  const { below, isDrawn, pick, part } = draws;
  const { chainId, escrow, settlement, earnings, token } = ledger.deployment;
  const { stable, exchange, mintBurn, credits, payouts, oracle } = contracts;
  const accounts = [...payers, ...validators, ...payees];
  const earners = [...validators, ...payees].map(({ address }) => address);
  const done: Record<MintDeed['kind'] | 'lapsed' | 'waited', number> = {
    ...{ topUp: 0, deposit: 0, withdraw: 0, admit: 0, settle: 0, claim: 0, earnings: 0, close: 0, mint: 0 },
    ...{ choose: 0, lapse: 0, post: 0, pause: 0, announceFeeds: 0, changeFeeds: 0, lapsed: 0, waited: 0 },
  };
  const domainOf = (contract: string) => ({ chainId: BigInt(chainId), verifyingContract: bytes(contract) });
  let lastNow = 0n;
  let book = await readBook();

  async function readBook(): Promise<MintBook> {
    const { client } = ledger.governor.transactor;
    const at = { address: oracle, abi: priceOracleAbi } as const;
    const pricesOf = async (asset: Address) => {
      const posted = await client.getContractEvents({ ...at, eventName: 'Priced', args: { asset }, fromBlock: 0n });
      const changes = posted.map(async ({ args, blockNumber }) => ({
        time: (await client.getBlock({ blockNumber })).timestamp,
        price: args.price as bigint,
      }));
      return [asset, await Promise.all(changes)] as const;
    };
    const saidAt = async (asset: Address) => {
      const [last] = await client.readContract({ ...at, functionName: 'lastOf', args: [asset] });
      return [asset, last.time] as const;
    };
    const [tokens, dollars] = await client.readContract({
      ...{ address: exchange, abi: constantProductPoolAbi, functionName: 'reserves' },
    });
    const balances = payers.map(
      async ({ address }) => [address, await ledger.governor.stableBalanceOf(address)] as const,
    );
    const supply = await client.readContract({ address: token, abi: orogAbi, functionName: 'totalSupply' });
    const prices = new Map([await pricesOf(token), await pricesOf(stable)]);
    const said = new Map([await saidAt(token), await saidAt(stable)]);
    return {
      ...{
        tokens: new Map([[exchange, tokens]]),
        tokenSupply: supply,
        credits: 0n,
        backing: 0n,
        burned: 0n,
        minted: 0n,
      },
      dollars: new Map([[exchange as string, dollars], ...(await Promise.all(balances))]),
      ...{ accounts: new Map(), held: new Map(), free: new Map(), channels: new Map(), credit: new Map() },
      ...{ sequences: new Map(), earnings: new Map(), epochs: new Map(), dollarsOf: new Map(), takesTokens: new Set() },
      ...{ prices, saidAt: said, doubted: new Map(), feeds: 0, nextFeeds: undefined, pausedUntil: 0n },
      quotedAt: new Map([...said].map(([asset, time]) => [`${asset} 0`, time])),
    };
  }

  function drawDeed(): MintDeed {
    const payer = pick(payers).address;
    const validator = pick(validators).address;
    const payee = pick(payees).address;
    const free = book.free.get(payer) ?? 0n;
    // One in twenty asks for a unit more than there is.
    const more = isDrawn(0.05) ? 1n : 0n;
    switch (below(18)) {
      case 0:
      case 1:
        return { kind: 'topUp', from: payer, amount: BigInt(below(2_000)) * CENT + BigInt(below(100)) };
      case 2: {
        const live = computeCreditBalance(accountIn(book, payer), lastNow);
        return { kind: 'deposit', from: payer, amount: more === 1n ? live + 1n : part(live) };
      }
      case 3:
        return { kind: 'withdraw', from: payer, amount: more === 1n ? free + 1n : part(free / 2n) };
      case 4:
        return { kind: 'admit', from: payer, to: validator, amount: more === 1n ? free + 1n : part(free) };
      case 5:
        return { kind: 'claim', from: validator };
      case 6:
      case 7:
        return { kind: 'earnings', from: pick(accounts).address, providerId: pick(providerIds), payee };
      case 8:
      case 9:
        return drawMint();
      case 10:
        return { kind: 'choose', from: pick(earners), tokens: isDrawn(0.4) };
      case 11:
        return { kind: 'lapse', from: validator, account: payer };
      case 12:
      case 13:
        return drawPrice(validator);
      case 14:
        return drawOwned(payer);
      default: {
        const { admitted, spent } = channelIn(book, payer, validator);
        const amount = part((admitted - spent) / 3n) + more * (admitted - spent);
        const cumulative = spent + amount > 0n && isDrawn(0.03) ? spent + amount - 1n : spent + amount;
        const signers = validators.filter(() => isDrawn(0.9)).map(({ address }) => address);
        const sequence = (book.sequences.get(validator) ?? 0n) + (isDrawn(0.05) ? 2n : 1n);
        const named = { providerId: pick(providerIds), payee, signers };
        return { kind: 'settle', from: validator, sequence, payer, amount, cumulative, ...named };
      }
    }
  }

  /** Draws an epoch that has work; sometimes the present one or none. */
  function drawMint(): MintDeed {
    const open = [...book.epochs].filter(([, { isClosed }]) => !isClosed).map(([number]) => number);
    const due = [...book.dollarsOf].filter(([, dollars]) => dollars > 0n).map(([key]) => key.split(' '));
    const [number = '0', who = ''] = due.length > 0 ? pick(due) : [];
    const isClosed = book.epochs.get(BigInt(number))?.isClosed === true;
    if (isDrawn(0.7) && isClosed && earners.includes(who as Address))
      return { kind: 'mint', from: who, epoch: BigInt(number) };
    if (isDrawn(0.1)) return { kind: 'mint', from: pick(earners), epoch: lastNow / MINT_EPOCH_S };
    return { kind: 'close', from: pick(earners), epoch: open.length > 0 ? pick(open) : lastNow / MINT_EPOCH_S };
  }

  /** Draws quotes within the tolerance of the feeds; sometimes one that is too old. */
  function drawPrice(from: Address): MintDeed {
    const [asset, price] = isDrawn(0.6) ? [token, DEV_TOKEN_PRICE] : [stable, DEV_DOLLAR_PRICE];
    const time = lastNow - (isDrawn(0.1) ? BigInt(below(3 * DAY)) : 0n);
    const doubted = book.doubted.get(asset)?.price;
    const said = (price * BigInt(9_700 + below(601))) / 10_000n;
    // A third more, and later back. Both count only after they are signed again.
    const jump = doubted !== undefined && isDrawn(0.6) ? doubted : isDrawn(0.04) ? (said * 4n) / 3n : said;
    return { kind: 'post', from, asset, price: jump, time, feeds: isDrawn(0.9) ? book.feeds : 1 - book.feeds };
  }

  /** Draws an action of the owner of the prices, and what anybody may do after it. Sometimes another account tries. */
  function drawOwned(from: Address): MintDeed {
    const by = isDrawn(0.8) ? rules.owner : from;
    if (isDrawn(book.pausedUntil === 0n ? 0.25 : 0.04)) return { kind: 'pause', from: by };
    if (book.nextFeeds !== undefined && isDrawn(0.8)) return { kind: 'changeFeeds', from };
    return { kind: 'announceFeeds', from: by, feeds: isDrawn(0.7) ? 1 - book.feeds : book.feeds };
  }

  function signAll(keys: readonly Hex[], digest: Uint8Array): readonly Hex[] {
    return keys.map((key): Hex => `0x${toHex(createNodeLedgerSigner(bytes(key)).signDigest(digest))}`);
  }

  function encode(deed: MintDeed): readonly [to: Address, data: Hex] {
    const call = (to: Address, abi: unknown, functionName: string, args: readonly unknown[]) =>
      [to, encodeFunctionData({ abi, functionName, args } as never)] as const;
    switch (deed.kind) {
      case 'topUp':
        return call(mintBurn, mintBurnAbi, 'topUp', [stable, deed.amount, 0n, maxUint256]);
      case 'deposit':
      case 'withdraw':
        return call(escrow, escrowAbi, deed.kind, [deed.amount]);
      case 'admit':
        return call(escrow, escrowAbi, 'admit', [deed.to, deed.amount]);
      case 'claim':
        return call(escrow, escrowAbi, 'claim', []);
      case 'earnings':
        return call(earnings, earningsAbi, 'withdraw', [deed.providerId, deed.payee]);
      case 'close':
        return call(mintBurn, mintBurnAbi, 'close', [deed.epoch]);
      case 'mint':
        return call(mintBurn, mintBurnAbi, 'claim', [deed.epoch, 0n]);
      case 'choose':
        return call(payouts, payoutsAbi, 'choose', [deed.tokens]);
      case 'lapse':
        return call(credits, creditsAbi, 'lapseWallet', [deed.account]);
      case 'post': {
        const { asset, price, time } = deed;
        const digest = hashPriceQuote(crypto, domainOf(oracle), { asset: bytes(asset), price, time });
        const quotes = signAll(feedKeys[deed.feeds] as Hex[], digest).map((signature) => ({ price, time, signature }));
        return call(oracle, priceOracleAbi, 'post', [asset, quotes]);
      }
      case 'pause':
      case 'changeFeeds':
        return call(oracle, priceOracleAbi, deed.kind, []);
      case 'announceFeeds': {
        const feeds = (feedKeys[deed.feeds] as Hex[]).map((key) => computeAddress(key)).sort();
        return call(oracle, priceOracleAbi, 'announceFeeds', [feeds]);
      }
      case 'settle':
        return [settlement, encodeSettlement(deed)];
    }
  }

  function encodeSettlement(deed: Extract<MintDeed, { kind: 'settle' }>): Hex {
    const { from, sequence, payer, amount, cumulative, providerId, payee, signers } = deed;
    const word = new Uint8Array(32).fill(7);
    const batch = { validator: bytes(from), sequence, logHead: word, logLength: 0n, recordsRoot: word, replies: 1 };
    const voucher = { payer: bytes(payer), validator: bytes(from), cumulativeAtomic: cumulative };
    const key = payers.find(({ address }) => address === payer)?.privateKey as Hex;
    const consent = hashVoucher(crypto, domainOf(escrow), voucher, bytes(termsHash));
    const signature = createNodeLedgerSigner(bytes(key)).signDigest(consent);
    const debits = [{ payer: bytes(payer), amount, cumulative, termsHash: bytes(termsHash), signature }];
    const line = { providerId: bytes(providerId), payee: bytes(payee), router: NOBODY, gross: amount, fine: 0n };
    const lines = [{ ...line, modelRoot: new Uint8Array(32) }];
    const lists = { debits, lines, ejections: [], tallies: [] };
    const digest = hashSettlement(crypto, domainOf(settlement), { batch, ...lists });
    const keys = [...validators]
      .sort((a, b) => (a.address < b.address ? -1 : 1))
      .filter(({ address }) => signers.includes(address))
      .map(({ privateKey }) => privateKey);
    return encodeSettle({ batch, ...lists, quorum: signAll(keys, digest) });
  }

  async function reconcile(bend?: (book: MintBook) => void): Promise<void> {
    const held = bend === undefined ? book : structuredClone(book);
    bend?.(held);
    const { chain, now } = await readChain(held);
    expect(describeBook(held, now)).toEqual(chain);
    const sum = (list: Iterable<bigint>): bigint => [...list].reduce((all, one) => all + one, 0n);
    // Each credit is in a wallet, in the escrow or in the earnings, and each of the escrow's has an owner.
    const wallets = sum(
      [...held.accounts.values()].map(({ issued, position }) => (issued.at(-1)?.sum ?? 0n) - position),
    );
    expect(wallets + sum(held.held.values())).toBe(held.credits);
    const reserved = sum([...held.channels.values()].map(({ admitted, spent }) => admitted - spent));
    expect(held.held.get(escrow) ?? 0n).toBe(sum(held.free.values()) + reserved + sum(held.credit.values()));
    // An account that pays itself loses.
    expect(held.minted * 1_000_000n <= held.burned * MAX_ELASTICITY_PPM).toBe(true);
  }

  const lastEpochs = ({ epochs }: MintBook): bigint[] =>
    [...epochs.keys()].sort((a, b) => Number(a - b)).slice(-LOOKED_AT);

  function listQueries(of: MintBook) {
    const one = (name: string, to: Address, abi: unknown, call: readonly [string, ...unknown[]]) => {
      const [functionName, ...args] = call;
      const read = (data: Hex): string => {
        const found = decodeFunctionResult({ abi, functionName, data } as never) as unknown;
        return JSON.stringify(found, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
      };
      return { name, to, data: encodeFunctionData({ abi, functionName, args } as never), read };
    };
    return [
      ...[...payers.map(({ address }) => address), ...earners, exchange, mintBurn].flatMap((who) => [
        one(`dollars ${who}`, stable, ogongTokenAbi, ['balanceOf', who]),
        ...(who === mintBurn || who === exchange || payees.some(({ address }) => address === who)
          ? [one(`tokens ${who}`, token, ogongTokenAbi, ['balanceOf', who])]
          : []),
      ]),
      one('paused', oracle, priceOracleAbi, ['pausedUntil']),
      one('next feeds', oracle, priceOracleAbi, ['nextFeedsFrom']),
      one('feeds', oracle, priceOracleAbi, ['feeds']),
      ...[token, stable].map((asset) => one(`price ${asset}`, oracle, priceOracleAbi, ['lastOf', asset])),
      one('reserves', exchange, constantProductPoolAbi, ['reserves']),
      one('tokens', token, orogAbi, ['totalSupply']),
      one('credits', credits, creditsAbi, ['totalSupply']),
      one('backing', credits, creditsAbi, ['backing']),
      one('burned', mintBurn, mintBurnAbi, ['totalBurned']),
      one('minted', mintBurn, mintBurnAbi, ['totalMinted']),
      ...[...payers.map(({ address }) => address), escrow, earnings].map((who) =>
        one(`credits ${who}`, credits, creditsAbi, ['balanceOf', who]),
      ),
      ...payers.map(({ address }) => one(`free ${address}`, escrow, escrowAbi, ['freeOf', address])),
      ...[...validators.map(({ address }) => address), ledger.treasury, earnings].map((who) =>
        one(`credit ${who}`, escrow, escrowAbi, ['creditOf', who]),
      ),
      ...lastEpochs(of).flatMap((number) => [
        one(`epoch ${number}`, mintBurn, mintBurnAbi, ['epochOf', number]),
        ...[...earners, ledger.treasury].map((who) =>
          one(`work ${number} ${who}`, mintBurn, mintBurnAbi, ['dollarsOf', number, who]),
        ),
      ]),
    ];
  }

  async function readChain(of: MintBook): Promise<{ readonly chain: Record<string, string>; readonly now: bigint }> {
    const queries = listQueries(of);
    const calls = queries.map(({ to, data }) => ['eth_call', [{ to, data }, 'latest']] as const);
    const [block, ...found] = await rpc(['eth_getBlockByNumber', ['latest', false]], ...calls);
    const chain = Object.fromEntries(queries.map(({ name, read }, i) => [name, read(found[i] as Hex)]));
    return { chain, now: BigInt((block as { timestamp: Hex }).timestamp) };
  }

  function describeBook(from: MintBook, now: bigint): Record<string, string> {
    const text = (value: bigint | undefined): string => JSON.stringify(`${value ?? 0n}`);
    const described: Record<string, string> = {
      reserves: JSON.stringify([`${from.tokens.get(exchange)}`, `${from.dollars.get(exchange)}`]),
      ...{ tokens: text(from.tokenSupply), credits: text(from.credits), backing: text(from.backing) },
      ...{ burned: text(from.burned), minted: text(from.minted) },
      ...{ paused: text(from.pausedUntil), 'next feeds': text(from.nextFeeds?.from) },
      feeds: JSON.stringify(
        (feedKeys[from.feeds] as Hex[]).map((key) => privateKeyToAccount(key).address).sort(byNumber),
      ),
    };
    for (const asset of [token, stable]) {
      const last = { price: from.prices.get(asset)?.at(-1)?.price, time: from.saidAt.get(asset) };
      const said = [last, from.doubted.get(asset)];
      described[`price ${asset}`] = JSON.stringify(
        said.map((one) => ({ price: `${one?.price ?? 0n}`, time: `${one?.time ?? 0n}` })),
      );
    }
    for (const who of [...payers.map(({ address }) => address), ...earners, exchange, mintBurn]) {
      described[`dollars ${who}`] = text(from.dollars.get(who));
    }
    for (const who of [exchange, mintBurn, ...payees.map(({ address }) => address)]) {
      described[`tokens ${who}`] = text(from.tokens.get(who));
    }
    for (const { address } of payers) {
      described[`credits ${address}`] = text(computeCreditBalance(accountIn(from, address), now));
      described[`free ${address}`] = text(from.free.get(address));
    }
    for (const who of [escrow, earnings]) described[`credits ${who}`] = text(from.held.get(who));
    for (const who of [...validators.map(({ address }) => address), ledger.treasury, earnings]) {
      described[`credit ${who}`] = text(from.credit.get(who));
    }
    for (const number of lastEpochs(from)) {
      const { dollars, burned, minted, isClosed, supply } = epochIn(from, number);
      const epoch = { dollars: `${dollars}`, burned: `${burned}`, minted: `${minted}`, isClosed, supply: `${supply}` };
      described[`epoch ${number}`] = JSON.stringify(epoch);
      for (const who of [...earners, ledger.treasury]) {
        described[`work ${number} ${who}`] = text(from.dollarsOf.get(`${number} ${who}`));
      }
    }
    return described;
  }

  const flow = await createFlow<MintBook, MintDeed>({
    ...{ rpcUrl: ledger.chain.rpcUrl, chainId, draws, book, encode },
    accounts: [...accounts, { address: rules.owner as Address, privateKey: ledger.governorKey }],
    drawDeed(now, time) {
      [book, lastNow] = [now, time];
      return drawDeed();
    },
    apply(on, deed, block: BlockTime) {
      const { credits: before } = on;
      const isDone = applyMintDeed(on, rules, deed, block);
      if (isDone) done[deed.kind]++;
      if (isDone && ['lapse', 'deposit', 'withdraw', 'admit'].includes(deed.kind) && on.credits < before) done.lapsed++;
      if (isDone && hasLeft(on, deed)) done.waited++;
      return isDone;
    },
    async reconcile(now) {
      book = now;
      await reconcile();
    },
    isRepeated: ({ kind }) => kind === 'settle' || kind === 'mint',
    // Credits lapse after thirty days, prices after one.
    drawWait: () => (isDrawn(0.04) ? 12 * DAY : isDrawn(0.3) ? below(Number(MINT_EPOCH_S)) : 0),
  });
  return { counts: flow.counts, describeKinds: flow.describeKinds, done, step: flow.step, reconcile };
}

import { encodeFunctionData, erc20Abi, type TransactionReceipt } from 'viem';
import { encodeProvide } from '../deploy/deploy-burn-and-mint.ts';
import type { BurnAndMint, Deployment } from '../deployment.ts';
import { ChainError } from '../errors.ts';
import { creditsAbi, mintBurnAbi, payoutsAbi, priceOracleAbi } from '../generated/abi.ts';
import { type Address, type BytesLike, lowerHex, toAddress, toHex } from '../hex.ts';
import { listRanges } from '../list-ranges.ts';
import type { Transactor } from '../transactor.ts';
import type { Allow } from './allowance.ts';
import { type AssetDescription, describeAsset } from './describe-asset.ts';

/** An epoch of minting. Dollars have 18 decimals. */
export interface MintEpoch {
  readonly dollars: bigint;
  readonly burned: bigint;
  readonly minted: bigint;
  readonly isClosed: boolean;
  /** Tokens that there were when somebody first earned in it; 0 where nobody did. */
  readonly supply: bigint;
}

/** Prices of an asset in the oracle. Prices are dollars times 1e18 for 1e18 smallest units, times seconds since 1970. */
export interface PriceState {
  /** The feeds of now, with the time of the newest quote that was taken of each. */
  readonly feeds: readonly { readonly address: Address; readonly quotedAt: bigint }[];
  readonly maxAge: bigint;
  /** Price 0 where there never was one. */
  readonly last: { readonly price: bigint; readonly time: bigint };
  /** A jump that waits to be said again; price 0 where there is none. */
  readonly doubted: { readonly price: bigint; readonly time: bigint };
  /** Of the newest block. */
  readonly now: bigint;
}

/** Earnings of an account in an epoch that it did not claim. */
export interface MintShare extends MintEpoch {
  readonly number: bigint;
  /** Of the epoch's dollars. */
  readonly own: bigint;
}

/** Credits that an account was given and that are not over, the oldest first, whether they are used or not. */
export interface IssuedCredits {
  readonly amount: bigint;
  /** Seconds since 1970. */
  readonly until: bigint;
}

/** Price that a feed signed. */
export interface SignedPrice {
  readonly price: bigint;
  readonly time: bigint;
  readonly signature: BytesLike;
}

function requireBurnAndMint({ burnAndMint }: Pick<Deployment, 'burnAndMint'>): BurnAndMint {
  if (burnAndMint === undefined) throw new ChainError('bad-input', 'this network does not pay in credits');
  return burnAndMint;
}

/** Creates reads of the second economy. @throws ChainError `bad-input` if the network has another one */
export function createMintReads(
  { read }: Pick<Transactor, 'read'>,
  deployment: Pick<Deployment, 'burnAndMint' | 'token' | 'block'>,
) {
  const mintBurn = () => ({ address: requireBurnAndMint(deployment).mintBurn, abi: mintBurnAbi }) as const;
  const oracle = () => ({ address: requireBurnAndMint(deployment).oracle, abi: priceOracleAbi }) as const;
  return {
    /** All of it at one block. */
    priceState(asset: BytesLike): Promise<PriceState> {
      const of = toAddress(asset, 'asset');
      return read('the state of a price', async (client) => {
        const { number: blockNumber, timestamp: now } = await client.getBlock();
        const at = { ...oracle(), blockNumber };
        const [addresses, maxAge, [last, doubted]] = await Promise.all([
          client.readContract({ ...at, functionName: 'feeds' }),
          client.readContract({ ...at, functionName: 'maxAge' }),
          client.readContract({ ...at, functionName: 'lastOf', args: [of] }),
        ]);
        const feeds = await Promise.all(
          addresses.map(async (address) => ({
            address: lowerHex(address),
            quotedAt: await client.readContract({ ...at, functionName: 'quotedAt', args: [of, address] }),
          })),
        );
        return { feeds, maxAge, last, doubted, now };
      });
    },
    describeAsset: (asset: BytesLike): Promise<AssetDescription> => describeAsset({ read }, asset),
    assetBalanceOf(asset: BytesLike, owner: BytesLike): Promise<bigint> {
      const address = toAddress(asset, 'asset');
      const args = [toAddress(owner, 'owner')] as const;
      return read('balance', (client) =>
        client.readContract({ address, abi: erc20Abi, functionName: 'balanceOf', args }),
      );
    },
    /** Epochs in which an account earned something that it did not claim, the oldest first. */
    mintSharesOf(payee: BytesLike): Promise<readonly MintShare[]> {
      const account = toAddress(payee, 'payee');
      return read('earnings of an account', async (client) => {
        const last = await client.getBlockNumber({ cacheTime: 0 });
        const numbers = new Set<bigint>();
        for (const range of listRanges(BigInt(deployment.block), last)) {
          const event = { ...mintBurn(), eventName: 'Earned', args: { payee: account }, strict: true } as const;
          for (const { args } of await client.getContractEvents({ ...event, ...range })) numbers.add(args.epoch);
        }
        const shares = await Promise.all(
          [...numbers].map(async (number): Promise<MintShare> => {
            const [own, epoch] = await Promise.all([
              client.readContract({ ...mintBurn(), functionName: 'dollarsOf', args: [number, account] }),
              client.readContract({ ...mintBurn(), functionName: 'epochOf', args: [number] }),
            ]);
            return { ...epoch, number, own };
          }),
        );
        return shares.filter(({ own }) => own > 0n).sort((a, b) => (a.number < b.number ? -1 : 1));
      });
    },
    /** The newest of these are in the account's wallet. */
    issuedCreditsOf(owner: BytesLike): Promise<readonly IssuedCredits[]> {
      const account = toAddress(owner, 'owner');
      const { credits: address } = requireBurnAndMint(deployment);
      return read('credits that were issued', async (client) => {
        const { number: last, timestamp } = await client.getBlock();
        const found: IssuedCredits[] = [];
        for (const range of listRanges(BigInt(deployment.block), last)) {
          const event = { address, abi: creditsAbi, eventName: 'Issued', args: { account }, strict: true } as const;
          for (const { args } of await client.getContractEvents({ ...event, ...range })) {
            if (args.until > timestamp) found.push({ amount: args.amount, until: args.until });
          }
        }
        return found;
      });
    },
    /** Whether an account takes tokens instead of the stablecoin. */
    takesTokens(payee: BytesLike): Promise<boolean> {
      const contract = { address: requireBurnAndMint(deployment).payouts, abi: payoutsAbi } as const;
      const args = [toAddress(payee, 'payee')] as const;
      return read('how an account is paid', (client) =>
        client.readContract({ ...contract, functionName: 'takesTokens', args }),
      );
    },
    /** Balance in the network's means of payment: credits, or its token. */
    paymentBalanceOf(owner: BytesLike): Promise<bigint> {
      const address = deployment.burnAndMint?.credits ?? deployment.token;
      const args = [toAddress(owner, 'owner')] as const;
      return read('balance', (client) =>
        client.readContract({ address, abi: erc20Abi, functionName: 'balanceOf', args }),
      );
    },
    stableBalanceOf(owner: BytesLike): Promise<bigint> {
      const address = requireBurnAndMint(deployment).stable;
      const args = [toAddress(owner, 'owner')] as const;
      return read('balance of dollars', (client) =>
        client.readContract({ address, abi: erc20Abi, functionName: 'balanceOf', args }),
      );
    },
    /** The part of an account's earnings that fits into the present epoch: all of it if the network pays in tokens. The rest waits for another epoch. */
    carriedOf(amount: bigint): Promise<bigint> {
      const { burnAndMint } = deployment;
      if (burnAndMint === undefined || amount === 0n) return Promise.resolve(amount);
      const contract = { address: burnAndMint.credits, abi: creditsAbi } as const;
      return read('the room of the epoch', (client) =>
        client.readContract({ ...contract, functionName: 'carriedOf', args: [amount] }),
      );
    },
    mintEpoch(number: bigint): Promise<MintEpoch> {
      return read('an epoch', (client) =>
        client.readContract({ ...mintBurn(), functionName: 'epochOf', args: [number] }),
      );
    },
    /** Earnings of an account in an epoch that it did not claim, in dollars. */
    mintDollarsOf(number: bigint, payee: BytesLike): Promise<bigint> {
      const args = [number, toAddress(payee, 'payee')] as const;
      return read('earnings of an account', (client) =>
        client.readContract({ ...mintBurn(), functionName: 'dollarsOf', args }),
      );
    },
    /** The price now and its average, of an asset. */
    pricesOf(asset: BytesLike): Promise<{ readonly spot: bigint; readonly average: bigint }> {
      const address = requireBurnAndMint(deployment).oracle;
      const args = [toAddress(asset, 'asset')] as const;
      return read('a price', async (client) => {
        const [spot, average] = await client.readContract({
          address,
          abi: priceOracleAbi,
          functionName: 'pricesOf',
          args,
        });
        return { spot, average };
      });
    },
    /** Tokens that there are: minted and not burned. */
    mintedSupply(): Promise<bigint> {
      const contract = { address: deployment.token, abi: erc20Abi } as const;
      return read('the supply', (client) => client.readContract({ ...contract, functionName: 'totalSupply' }));
    },
    creditSupply(): Promise<{ readonly credits: bigint; readonly backing: bigint }> {
      const credits = { address: requireBurnAndMint(deployment).credits, abi: creditsAbi } as const;
      return read('the credits', async (client) => {
        const [supply, backing] = await Promise.all([
          client.readContract({ ...credits, functionName: 'totalSupply' }),
          client.readContract({ ...credits, functionName: 'backing' }),
        ]);
        return { credits: supply, backing };
      });
    },
  };
}

export function createMintWrites(
  { send }: Pick<Transactor, 'send'>,
  deployment: Pick<Deployment, 'burnAndMint' | 'token'>,
  allow: Allow,
) {
  return {
    /** Buys and burns tokens for an asset. @param least credits @param deadline seconds since 1970 */
    async topUp(asset: BytesLike, amount: bigint, least: bigint, deadline: bigint): Promise<TransactionReceipt> {
      const { mintBurn } = requireBurnAndMint(deployment);
      const from = toAddress(asset, 'asset');
      await allow(from, mintBurn, amount);
      const args = [from, amount, least, deadline] as const;
      return send('top up', mintBurn, encodeFunctionData({ abi: mintBurnAbi, functionName: 'topUp', args }));
    },
    /** Says what an epoch that is over is paid with; anyone may. */
    closeMintEpoch: (number: bigint) =>
      send(
        'close an epoch',
        requireBurnAndMint(deployment).mintBurn,
        encodeFunctionData({ abi: mintBurnAbi, functionName: 'close', args: [number] }),
      ),
    /** Mints what the account earned in an epoch. @param least of the stablecoin, where tokens are sold */
    claimMint: (number: bigint, least = 0n) =>
      send(
        'claim a mint',
        requireBurnAndMint(deployment).mintBurn,
        encodeFunctionData({ abi: mintBurnAbi, functionName: 'claim', args: [number, least] }),
      ),
    /** Whether the account takes tokens instead of the stablecoin. */
    choosePayout: (takesTokens: boolean) =>
      send(
        'choose a payout',
        requireBurnAndMint(deployment).payouts,
        encodeFunctionData({ abi: payoutsAbi, functionName: 'choose', args: [takesTokens] }),
      ),
    /** Submits what feeds signed, ascending by price; anyone may. */
    postPrice: (asset: BytesLike, quotes: readonly SignedPrice[]) =>
      send(
        'post a price',
        requireBurnAndMint(deployment).oracle,
        encodeFunctionData({
          abi: priceOracleAbi,
          functionName: 'post',
          args: [
            toAddress(asset, 'asset'),
            quotes.map(({ price, time, signature }) => ({ price, time, signature: toHex(signature, 'signature', 65) })),
          ],
        }),
      ),
    /** Adds to the network's own pool, for good. */
    async provideLiquidity(tokens: bigint, dollars: bigint): Promise<TransactionReceipt> {
      const { exchange, stable } = requireBurnAndMint(deployment);
      await allow(deployment.token, exchange, tokens);
      await allow(stable, exchange, dollars);
      return send('provide', exchange, encodeProvide(tokens, dollars));
    },
    /** Of the stablecoin. */
    transferStable: (to: BytesLike, amount: bigint) =>
      send(
        'transfer dollars',
        requireBurnAndMint(deployment).stable,
        encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args: [toAddress(to, 'to'), amount] }),
      ),
  };
}

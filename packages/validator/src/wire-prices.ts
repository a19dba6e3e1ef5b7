import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { createReader, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { openPricingState, type PricingState } from './prices/price-state.ts';
import { stepMintEpochs } from './prices/step-mint-epochs.ts';
import { stepPrices } from './prices/step-prices.ts';
import { toPeer, type ValidatorState } from './validator-state.ts';

const ASK_TIMEOUT_MS = 5_000;

/** Connects this validator's price feed. Undefined if it is none. */
export function wirePricing(state: ValidatorState): PricingState | undefined {
  const { options, crypto, signer, chain, peerLinks, log } = state;
  const { feed, token, oracle: domain } = options.burnAndMint ?? {};
  if (feed === undefined || token === undefined || domain === undefined) return undefined;
  return openPricingState({
    ...{ crypto, domain, token, chain, validator: signer.address, ...feed },
    async ask(peer, asset) {
      const link = peerLinks.to(ValidatorService, toPeer(options, peer));
      const asked = { asset: fromHex(asset.slice(2), 20) };
      const { price, time, signature } = await link.signPrice(asked, { timeoutMs: ASK_TIMEOUT_MS });
      const reader = createReader(price);
      const found = { price: reader.u128(), time, signature };
      reader.end();
      return found;
    },
    onPosted: (asset, price, quotes, transactionHash) =>
      log.info({ asset, price: price.toString(), quotes, transactionHash }, 'a price was posted'),
    onTooFew: (asset, quotes) => log.warn({ asset, quotes }, 'too few price feeds answer with the same price'),
    onSilent: (err) => log.debug({ err }, 'a price feed did not answer'),
    onError: (err) => log.warn({ err }, 'a price waits'),
  });
}

/** Posts prices and closes epochs of minting. Undefined on a network that does not burn and mint. */
export function repeatPricing(state: ValidatorState, pricing: PricingState | undefined): Repeating | undefined {
  const { options, signer, chain, log } = state;
  const { token, intervalMs } = options.burnAndMint ?? {};
  if (token === undefined || intervalMs === undefined) return undefined;
  const minting = {
    ...{ token, validator: signer.address, chain },
    onClosed: (number: bigint, transactionHash: string) =>
      log.info({ number: Number(number), transactionHash }, 'an epoch of minting was closed'),
  };
  return createRepeating(
    { intervalMs },
    async (signal) => {
      // An epoch is closed at the current price, so prices are posted first.
      if (pricing !== undefined) {
        await stepPrices(pricing, signal).catch((err: unknown) => log.warn({ err }, 'prices wait'));
      }
      await stepMintEpochs(minting);
    },
    (err) => log.warn({ err, validator: toHex(signer.address) }, 'epochs of minting wait'),
  );
}

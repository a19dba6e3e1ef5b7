import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { signAnnouncement } from '@ogong/protocol/exchange/announcement';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { signProviderPayee } from '@ogong/protocol/exchange/provider-payee';
import { RouterService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { describeWeights } from '@ogong/testing/chain/model-registry-compliance';
import { WORD_UNTIL_MS } from '@ogong/testing/validator/test-keys';
import { describeInvented, inventedParties } from '../../../attackers/protocol/network/invented-parties.ts';
import { describeSquatted, nameSquatter } from '../../../attackers/protocol/network/name-squatter.ts';
import { tell } from './consumer.ts';
import type { LivePlay } from './live-network.ts';

const HOUR_MS = 3_600_000;
const OGONG = 10n ** 18n;

export const inventParties: LivePlay = async ({ ledger, trust }) =>
  describeInvented(inventedParties.play({ crypto, ledger, invents: 'unseen' }), trust);

/** A provider of the network announces weights of its own under the name that the network sells. */
export const sellTinyModel: LivePlay = async (network) => {
  const { ledger, modelId, router } = network;
  const { hybrid, identity, endpoint, signer, links } = await network.own('provider-2');
  const providerId = hashHybridKey(crypto, hybrid.publicKey);
  const nowMs = Date.now();
  const offer = { modelId, modelRoot: new Uint8Array(32).fill(0x71), pricePer1kAtomic: 1n, contextSize: 512 };
  const announcement = {
    ...{ providerId, payee: signer.address, endpoint: `${endpoint.host}:${endpoint.port}`, certHash: identity.id },
    models: [{ ...offer, modality: 'text', numericClass: '', capacity: 64, freeCapacity: 64 }],
    segments: [],
    ...{ verifier: undefined, sequence: BigInt(nowMs), issuedAtMs: nowMs, expiresAtMs: nowMs + HOUR_MS },
  };
  const payeeWord = signProviderPayee(crypto, signer, { validUntilMs: WORD_UNTIL_MS, ledger, providerId });
  const signed = signAnnouncement(hybrid, announcement, { payeeWord });
  const said = { ...signed, verifierEndorsement: undefined } as never;
  const atRouter = await tell(links.to(RouterService, router).announce(said));
  const { models } = await links.to(RouterService, router).listModels({});
  const isListed = models.some(({ modelRoot }) => modelRoot.every((byte) => byte === 0x71));
  return {
    tried: `announced its own weights as ${modelId}, at the lowest price, under a key that served before`,
    answered: [`the router: ${atRouter}`, `the router ${isListed ? 'lists' : 'does not list'} the weights`],
    money: isListed ? 'the price of the large model' : 'none: the offer is not listed',
    worked: isListed,
  };
};

export const squatName: LivePlay = async (network) => {
  const { maker, model } = parseModelId(network.modelId);
  const { client, address } = await network.openAccount('squatter', 1_000n * OGONG);
  const account = { address: `0x${Buffer.from(address).toString('hex')}` as const, client };
  return describeSquatted(
    { maker, model },
    await nameSquatter.play({ account, name: { maker, model }, own: describeWeights('bb') }),
  );
};

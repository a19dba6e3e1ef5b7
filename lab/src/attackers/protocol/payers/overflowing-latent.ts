import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { LinkError } from '@ogong/host/link/link-error';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { toReference } from '@ogong/protocol/modality/media/detach-media';
import { encodeMedia } from '@ogong/protocol/modality/media/encoded-media';
import { encodeValues } from '@ogong/protocol/modality/shared/values';
import { createFakeTrajectoryEngine } from '@ogong/testing/engine/fake-trajectory';
import { createNetwork, findReplyId, type Network } from '@ogong/testing/provider/provider-fixture';
import { defineAttack } from '../define-attack.ts';

/** The values of the fake model's latent. */
const VALUES = 256;
/** Finite values that overflow in a network of single precision, of half precision, and in its first products. */
const FAR = [3e38, -65_504, 20_000];

/** Orders links of a picture whose first latents have values from which a network computes infinities. */
export const overflowingLatent = defineAttack({
  name: 'overflowing-latent',
  adversary: 'payer with a latent from which a network overflows',
  aim: 'have honest providers fail after their consent, and fined for abandoned orders',
  stoppedBy: 'A provider bounds the values of a latent before it agrees to the order',
  restarts: ['provider'],
  async play({ network }: { readonly network: Network }, breaks) {
    breaks.add('provider', network.restart);
    const refusals: string[] = [];
    for (const [i, value] of FAR.entries()) {
      const latent = encodeValues(Float32Array.from({ length: VALUES }, (_, at) => (at === i ? value : 0.5)));
      const body = { seed: 5, steps: 6, first_step: 2, latent: toReference(crypto, latent) };
      const service = network.client.service(ProviderService);
      const piece = encodeMedia(new Map([[toReference(crypto, latent), latent]]));
      const nonce = i + 1;
      try {
        for await (const { event } of service.generate(network.order({ nonce, body })))
          if (event.case === 'mediaWanted')
            await service.putMedia({ replyId: findReplyId(nonce), index: 0, piece, last: true });
      } catch (error) {
        if (!(error instanceof LinkError)) throw error;
        refusals.push(error.message);
      }
      await breaks.take();
    }
    return { refusals, admitted: network.validator.admitted.length };
  },
  async stage({ play, keep }) {
    const network = keep(await createNetwork({ realEngine: createFakeTrajectoryEngine() }));
    const { refusals, admitted } = await play({ network });
    return {
      tried: `ordered ${FAR.length} links with latents of values up to ${FAR[0]}`,
      answered: [...refusals, `${admitted} of the orders were admitted`],
      money: 'nothing is reserved, and nobody is fined',
      worked: admitted > 0 || refusals.filter((text) => text.includes('no picture has more')).length !== FAR.length,
    };
  },
});

import { randomBytes } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import { Refusal } from '@ogong/host/link/link-error';
import { createLinkServer } from '@ogong/host/link/link-server';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import {
  CosignBatchRequestSchema,
  ProviderService,
  ValidatorService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { waitUntil } from '../../polling.ts';
import { openPayer, placeOrder, tell } from './consumer.ts';
import type { LivePlay, OwnedDaemon } from './live-network.ts';

const MAX_FEE = 10n ** 15n;
const MAX_BATCH_BYTES = 64 * 1024 * 1024;
const PATIENCE_MS = 120_000;

/** A registered validator that keeps what its peers ask it to co-sign, and signs nothing. */
async function serveCurious({ endpoint: bind, identity }: OwnedDaemon, seen: Uint8Array[]) {
  const server = createLinkServer({
    ...{ bind, identity, authorize: () => true },
    routes(router) {
      router.rpc(
        ValidatorService.method.cosignBatch,
        (request) => {
          seen.push(toBinary(CosignBatchRequestSchema, request));
          throw new Refusal('unavailable', 'not now');
        },
        { readMaxBytes: MAX_BATCH_BYTES },
      );
    },
  });
  await server.start();
  return server;
}

/** One of the validators reads what it is sent about another one's reply, and asks the reply's provider for the rest. */
export const readOthersReplies: LivePlay = async (network) => {
  const owned = await network.own('validator-1');
  const [handler = ''] = network.honestValidators();
  const validator = network.addressOf(handler);
  const prompt = `Once upon a time there was a secret, ${toHex(new Uint8Array(randomBytes(8)))},`;
  const seen: Uint8Array[] = [];
  const server = await serveCurious(owned, seen);
  try {
    const payer = await openPayer(network, 'confiding', { validator, channelAtomic: 10n * MAX_FEE });
    const { order, message, provider } = await placeOrder(network, {
      ...{ payer, validator, provider: 'provider-1', text: prompt },
      ...{ maxFeeAtomic: MAX_FEE, cumulativeAtomic: MAX_FEE },
    });
    let answer = '';
    for await (const { event } of network.links.to(ProviderService, provider).generate(message)) {
      if (event.case === 'delta') answer += event.value.text;
    }
    const { replyId } = order;
    const find = (bytes: Uint8Array) => seen.some((one) => Buffer.from(one).includes(Buffer.from(bytes)));
    const isNamed = await waitUntil(async () => find(replyId), PATIENCE_MS);
    const asProvider = owned.links.to(ProviderService, provider);
    const shown = await tell(asProvider.showRecord({ replyId }));
    const secrets = { prompt: utf8Encode(prompt), answer: utf8Encode(answer) };
    const read = Object.entries(secrets).filter(([, bytes]) => bytes.length > 0 && find(bytes));
    return {
      tried:
        "kept all that its peers asked it to co-sign, looked for another validator's reply in it, and asked the reply's provider",
      answered: [
        `${seen.length} batches, ${seen.reduce((sum, { length }) => sum + length, 0)} bytes; the reply is ${isNamed ? '' : 'not '}named in them`,
        `texts in them: ${read.map(([name]) => name).join(' and ') || 'none'}`,
        `its provider: ${shown}`,
      ],
      money: 'none',
      worked: !isNamed || answer === '' || read.length > 0 || shown === 'done',
    };
  } finally {
    await server.stop(0);
  }
};

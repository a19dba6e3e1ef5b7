import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { MAX_ASKED_REPLIES } from '@ogong/protocol/exchange/limits';
import {
  GetIntakeRequestSchema,
  GetRepliesRequestSchema,
  GetReplyRequestSchema,
  GetSettledRequestSchema,
  ListVerdictsRequestSchema,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { VALIDATOR_RATES } from '@ogong/validator/access';
import { CALLERS, type DoorScene, FLOOD_ADDRESS, toBase64 } from './scene.ts';
import { settleFullBatch } from './settled-log.ts';
import { openValidatorDoor } from './validator-scenes.ts';

/** A read method for any caller, called repeatedly with its most expensive request. */
function createReading<S extends DescMessage>(
  { id, method, limit }: { readonly id: string; readonly method: string; readonly limit: string },
  schema: S,
  ask: (replyId: Uint8Array) => MessageInitShape<S>,
): DoorScene {
  return {
    ...{ id, limit, honest: 'orders admitted by a validator' },
    open(asked) {
      let replyId = new Uint8Array();
      return openValidatorDoor(
        {
          ...{ method, rate: VALIDATOR_RATES[`ogong.v1.ValidatorService/${method}`] },
          async prepare(validator) {
            replyId = new Uint8Array(await settleFullBatch(validator));
          },
          callers: () =>
            Array.from({ length: CALLERS }, (_, i) => ({
              ...{ name: `reader ${i}`, address: FLOOD_ADDRESS },
              messages: [toBase64(toBinary(schema, create(schema, ask(replyId))))],
            })),
        },
        asked,
      );
    },
  };
}

export const readingScenes: readonly DoorScene[] = [
  createReading(
    { id: 'replies', method: 'GetReply', limit: 'questions of one address about replies' },
    GetReplyRequestSchema,
    (replyId) => ({ replyId }),
  ),
  createReading(
    { id: 'reply-lists', method: 'GetReplies', limit: 'questions of one address about many replies' },
    GetRepliesRequestSchema,
    (replyId) => ({ replyIds: Array.from({ length: MAX_ASKED_REPLIES }, () => replyId) }),
  ),
  createReading(
    { id: 'verdicts', method: 'ListVerdicts', limit: 'readings of a log by one address' },
    ListVerdictsRequestSchema,
    () => ({ from: 0n, limit: 0 }),
  ),
  createReading(
    { id: 'intakes', method: 'GetIntake', limit: 'receipts of records that one address asks for' },
    GetIntakeRequestSchema,
    (replyId) => ({ replyId }),
  ),
  createReading(
    { id: 'settled', method: 'GetSettled', limit: 'ways into a batch that one address asks for' },
    GetSettledRequestSchema,
    (replyId) => ({ replyId }),
  ),
];

import { randomBytes } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { ListHeardRequestSchema, WitnessRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { MAX_BATCH_ENTRIES } from '@ogong/protocol/settlement/gas';
import { createTestLedgerSigner, seedOf } from '@ogong/testing/validator/test-keys';
import { VALIDATOR_RATES } from '@ogong/validator/access';
import { type DoorScene, FLOOD_ADDRESS, toBase64 } from './scene.ts';
import { openValidatorDoor } from './validator-scenes.ts';

/** A registered validator that attacks another one: strangers are refused before a byte of their messages is read. */
const PEER = 'a hostile validator';
/** Different messages that it has. */
const MESSAGES = 200;

export const peerScenes: readonly DoorScene[] = [
  {
    id: 'witnesses',
    honest: 'orders admitted by a validator',
    limit: 'statements that one validator asks for',
    open: (asked) =>
      openValidatorDoor(
        {
          ...{ method: 'Witness', isOfOne: true, peer: PEER },
          rate: VALIDATOR_RATES['ogong.v1.ValidatorService/Witness'],
          callers(validator) {
            const messages = Array.from({ length: MESSAGES }, (_, i) => {
              const { order, signature, consent } = validator.order(
                i,
                {},
                createTestLedgerSigner(seedOf(`missed ${i}`)),
              );
              const about = { case: 'consent', value: consent } as const;
              const ask = create(WitnessRequestSchema, { order: { order, signature }, about });
              return toBase64(toBinary(WitnessRequestSchema, ask));
            });
            return [{ name: PEER, address: FLOOD_ADDRESS, messages }];
          },
        },
        asked,
      ),
  },
  {
    id: 'heard',
    honest: 'orders admitted by a validator',
    limit: 'questions of one validator about what payers told',
    open: (asked) =>
      openValidatorDoor(
        {
          ...{ method: 'ListHeard', isOfOne: true, peer: PEER },
          rate: VALIDATOR_RATES['ogong.v1.ValidatorService/ListHeard'],
          callers({ signer }) {
            const replies = Array.from({ length: MAX_BATCH_ENTRIES }, () => ({
              replyId: new Uint8Array(randomBytes(16)),
              recordHash: new Uint8Array(32),
            }));
            const ask = create(ListHeardRequestSchema, { validator: signer.address, replies });
            return [
              { name: PEER, address: FLOOD_ADDRESS, messages: [toBase64(toBinary(ListHeardRequestSchema, ask))] },
            ];
          },
        },
        asked,
      ),
  },
];

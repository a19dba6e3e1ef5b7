import type { Pin } from '@ogong/chain/registry/pins';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import type { Values } from '@ogong/host/config/field';
import { integer } from '@ogong/host/config/values';
import type { Verb } from '@ogong/host/lifecycle/command-group';
import { EXIT } from '@ogong/host/log/errors';
import { toHex } from '@ogong/protocol/base/bytes';
import { type Action, act, actionFields } from '../../money/act.ts';
import { describePinState, findPinsOf } from './counted-pin.ts';
import { findPinnedModel, modelFields } from './pinned-model.ts';

const NAME = 'ogong pins end';
const EXAMPLE = '--keypair <path> --deployment deployment.json';

const endConfig = defineConfig({
  name: NAME,
  examples: [`${NAME} --pin 3 ${EXAMPLE}`, `${NAME} acme/small@1.2.0 ${EXAMPLE}`],
  summary:
    'Takes back an offer that the provider has not accepted. An accepted pin ends after the epoch that follows the present one.\n' +
    'With the name of a model it ends all pins of its files that this account opened. Another model may share such a file.\n' +
    'The fees of the other epochs come back by `ogong pins collect`.',
  fields: {
    ...actionFields,
    ...modelFields,
    pin: {
      schema: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      description: 'number of the pin, as `ogong pins list` shows it',
    },
  },
  positionals: { label: '[maker/model[@version]]', min: 0, max: 1 },
});

export const endVerb: Verb = {
  summary: 'take back offers, or end pins',
  async run(argv, output) {
    const parsed = endConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { pin, ...values } = parsed.values;
    const [name] = parsed.positionals;
    if ((pin === undefined) === (name === undefined))
      throw new ConfigError(NAME, ['write the name of a model or --pin, one of them']);
    const action = pin === undefined ? await endModel(name as string, values) : endPin(BigInt(pin));
    return act(NAME, values, output, action);
  },
};

const endPin = (pin: bigint): Action => ({
  does: `end pin ${pin}`,
  async run({ cancelPin, stopPin }, { address, pinOf }) {
    const { payer, start } = await pinOf(pin);
    if (payer !== address.toLowerCase())
      throw new ConfigError(NAME, [`--pin: ${payer} opened pin ${pin}, and ${address} did not`]);
    await (start === undefined ? cancelPin : stopPin)(pin);
  },
});

async function endModel(text: string, values: Values<typeof modelFields>): Promise<Action> {
  const { name, files } = await findPinnedModel(NAME, text, values);
  const blobs = new Set(files.map(({ blockRoot }) => `0x${toHex(blockRoot)}` as const));
  const ended: string[] = [];
  return {
    does: `end the pins of ${name} that this account opened`,
    fields: () => ({ model: name, pins: ended }),
    async run({ cancelPin, stopPin }, client) {
      const head = await client.headBlock();
      for (const shown of await findPinsOf(client, blobs, client.address)) {
        const { pin } = shown.pin;
        const state = describePinState(shown);
        if (state === 'offered') await cancelPin(pin);
        else if (state === 'accepted' && canStop(shown.pin, head)) await stopPin(pin);
        else continue;
        ended.push(`${pin}`);
      }
    },
  };
}

/** Returns whether a pin has epochs after the notice, in the block after the head. The contract refuses others. */
function canStop({ start, epochs, epochBlocks }: Pin, head: bigint): boolean {
  if (start === undefined) return false;
  const elapsed = head > start ? head - start : 0n;
  return elapsed / BigInt(epochBlocks) + 2n < BigInt(epochs);
}

const collectConfig = defineConfig({
  name: 'ogong pins collect',
  examples: [`ogong pins collect ${EXAMPLE}`],
  summary: 'Takes back the fees of missed epochs of all pins of this account, and pays out its credit of pins.',
  fields: actionFields,
});

export const collectVerb: Verb = {
  summary: 'take back the fees of missed epochs',
  async run(argv, output) {
    const parsed = collectConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    let amount = 0n;
    return act('ogong pins collect', parsed.values, output, {
      does: 'collect the fees of missed epochs and the credit of pins',
      fields: () => ({ amount: amount.toString() }),
      async run(
        { returnMissedEpochs, claimPinCredit },
        { address, isDry, listPins, missedEpochsOf, pinOf, pinCreditOf },
      ) {
        amount = await pinCreditOf(address);
        for (const { pin } of await listPins({ payer: address })) {
          const missed = await missedEpochsOf(pin);
          if (missed === 0) continue;
          amount += (await pinOf(pin)).feePerEpoch * BigInt(missed);
          await returnMissedEpochs(pin);
        }
        // The chain of a dry run does not have the returned fees yet, so it would refuse an empty claim.
        if (amount > 0n && (!isDry || (await pinCreditOf(address)) > 0n)) await claimPinCredit();
      },
    });
  },
};

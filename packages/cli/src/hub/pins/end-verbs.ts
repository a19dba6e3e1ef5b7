import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import { integer } from '@ogong/host/config/values';
import type { Verb } from '@ogong/host/lifecycle/command-group';
import { EXIT } from '@ogong/host/log/errors';
import { act, actionFields } from '../../money/act.ts';

const EXAMPLE = '--keypair <path> --deployment deployment.json';
const pinField = {
  schema: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  required: true,
  description: 'number of the pin, as `ogong pins list` shows it',
} as const;

const endConfig = defineConfig({
  name: 'ogong pins end',
  examples: [`ogong pins end --pin 3 ${EXAMPLE}`],
  summary:
    'Takes back an offer that the provider has not accepted. An accepted pin ends after the epoch that follows the present one.\n' +
    'The fees of the other epochs come back by `ogong pins collect`.',
  fields: { ...actionFields, pin: pinField },
});

export const endVerb: Verb = {
  summary: 'take back an offer, or end a pin',
  async run(argv, output) {
    const parsed = endConfig.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { pin: number, ...values } = parsed.values;
    const pin = BigInt(number);
    return act('ogong pins end', values, output, {
      does: `end pin ${pin}`,
      async run({ cancelPin, stopPin }, { address, pinOf }) {
        const { payer, start } = await pinOf(pin);
        if (payer !== address.toLowerCase())
          throw new ConfigError('ogong pins end', [`--pin: ${payer} opened pin ${pin}, and ${address} did not`]);
        await (start === undefined ? cancelPin : stopPin)(pin);
      },
    });
  },
};

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

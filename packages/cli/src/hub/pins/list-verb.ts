import type { Pin } from '@ogong/chain/registry/pins';
import { chainFields } from '@ogong/host/config/common-fields';
import { defineConfig } from '@ogong/host/config/define-config';
import { hex } from '@ogong/host/config/values';
import type { Verb } from '@ogong/host/lifecycle/command-group';
import { jsonField, printJson } from '@ogong/host/lifecycle/print-json';
import { EXIT } from '@ogong/host/log/errors';
import { formatAmount, priceField, unitsOf } from '../../money/amount.ts';
import { openLedger } from '../../open-ledger.ts';

const NAME = 'ogong pins list';
/** The newest ones. */
const LISTED = 100;

const config = defineConfig({
  name: NAME,
  examples: [`${NAME} --payer <address> --deployment deployment.json`],
  summary: `Shows the newest ${LISTED} pins that an account opened, with their proven and missed epochs.`,
  fields: {
    ...chainFields,
    payer: { schema: hex(20), required: true, description: 'the account that opened them, without 0x' },
    price: priceField,
    json: jsonField,
  },
});

interface ShownPin {
  readonly pin: Pin;
  /** Missed epochs whose fee has not gone back. */
  readonly missed: number;
}

/** Names the state of a pin. */
export function describePinState({ pin, missed }: ShownPin): string {
  if (pin.epochs === 0) return 'cancelled';
  if (pin.start === undefined) return 'offered';
  return pin.proven + pin.returned + missed === pin.epochs ? 'over' : 'accepted';
}

export const listVerb: Verb = {
  summary: 'show pins with their proofs',
  async run(argv, output) {
    const parsed = config.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { payer, json, price, ...where } = parsed.values;
    const client = await openLedger(NAME, where);
    const listed = (await client.listPins({ payer: `0x${payer}` })).slice(-LISTED);
    const shown = await Promise.all(
      listed.map(async ({ pin }) => ({ pin: await client.pinOf(pin), missed: await client.missedEpochsOf(pin) })),
    );
    if (json)
      printJson(output, {
        pins: shown.map(({ pin: { pin, feePerEpoch, start, ...rest }, missed }) => ({
          ...{
            pin: `${pin}`,
            ...rest,
            feePerEpoch: `${feePerEpoch}`,
            start: start === undefined ? null : Number(start),
          },
          ...{ missed, state: describePinState({ pin: { pin, feePerEpoch, start, ...rest }, missed }) },
        })),
      });
    else if (shown.length === 0) output.write('this account has opened no pin\n');
    const { token } = unitsOf(client.deployment);
    if (!json)
      for (const one of shown) output.write(`${formatPin(one, formatAmount(one.pin.feePerEpoch, price, token))}\n`);
    return EXIT.ok;
  },
};

function formatPin(shown: ShownPin, fee: string): string {
  const { pin, provider, blob, epochs, proven, returned } = shown.pin;
  const epochsText = `${proven} proven, ${returned + shown.missed} missed of ${epochs}`;
  return `${pin}  ${describePinState(shown)}  ${blob.slice(2)}  with ${provider}  ${fee} an epoch: ${epochsText}`;
}

import { readOpenedPin } from '@ogong/chain/registry/pins';
import { defineConfig } from '@ogong/host/config/define-config';
import type { Verb } from '@ogong/host/lifecycle/command-group';
import { EXIT } from '@ogong/host/log/errors';
import { toHex } from '@ogong/protocol/base/bytes';
import { act, actionFields } from '../../money/act.ts';
import { tokenAmount } from '../../money/amount.ts';
import { offerFields, placeField, readOfferedPlace } from './offer-fields.ts';
import { readPinnedFile } from './pinned-file.ts';

const NAME = 'ogong pins offer';

const config = defineConfig({
  name: NAME,
  examples: [
    `${NAME} weights.gguf --with <address> --fee 0.5 --epochs 30 --place https://mirror.example/ --keypair <path> --deployment deployment.json`,
  ],
  summary:
    'Offers a pin of a file to a storage provider and locks its fees. The provider is paid for each epoch in which it proves on the chain that\n' +
    'the file is still there. The fees of other epochs come back by `ogong pins collect`.',
  fields: {
    ...actionFields,
    ...offerFields,
    fee: { schema: tokenAmount, required: true, description: 'fee of one epoch' },
    place: { ...placeField, required: true },
  },
  positionals: { label: '<file>', min: 1, max: 1 },
});

export const offerVerb: Verb = {
  summary: 'offer a pin of a file to a storage provider',
  async run(argv, output) {
    const parsed = config.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { with: account, fee, epochs, epochBlocks, place: written, ...values } = parsed.values;
    const place = readOfferedPlace(NAME, written);
    const content = await readPinnedFile(NAME, parsed.positionals[0] as string);
    const feePerEpoch = fee.atomic;
    let pin: bigint | undefined;
    return act(NAME, values, output, {
      does: ({ token, format }) =>
        `lock ${format(feePerEpoch * BigInt(epochs), token)} for ${epochs} epochs of ${content.sizeBytes} bytes with 0x${account}`,
      amounts: [{ flag: 'fee', amount: fee, is: 'token', isTaken: true }],
      fields: () => ({ blob: toHex(content.blob), pinRoot: toHex(content.pinRoot), pin: pin?.toString() ?? null }),
      async run({ openPin }, { isDry }) {
        const receipt = await openPin({
          ...{ ...content, provider: `0x${account}`, feePerEpoch, epochs, epochBlocks, place },
        });
        if (!isDry) pin = readOpenedPin(receipt);
      },
    });
  },
};

import { toHex } from '@ogong/protocol/base/bytes';
import { signRetirement, submitRetirement } from '../beacon/retire-key.ts';
import { assertFound, createCommand } from './command.ts';
import { retireKeyConfig } from './command-configs.ts';
import { signOrSubmit } from './shared-action.ts';

export const retireKey = createCommand(
  retireKeyConfig,
  ({ lastEpoch: epoch, signature: signatures, ...values }, name) => {
    const lastEpoch = BigInt(epoch);
    const nothing = `the beacon has no key that can end with epoch ${epoch}. Name a later epoch, the same for all operators`;
    return signOrSubmit(values, {
      ...{ name, signatures },
      contract: ({ beaconKeys, settlement }) =>
        assertFound(beaconKeys && settlement, name, 'this network has no threshold beacon'),
      async submit(context, client) {
        const { generation } = assertFound(
          await submitRetirement(context, client, { lastEpoch, signatures }),
          name,
          nothing,
        );
        return { outcome: 'retired', generation, lastEpoch: epoch };
      },
      async sign(context, client) {
        const { generation, signature } = assertFound(await signRetirement(context, client, lastEpoch), name, nothing);
        return { outcome: 'signed', generation, lastEpoch: epoch, signature: `0x${toHex(signature)}` };
      },
    });
  },
);

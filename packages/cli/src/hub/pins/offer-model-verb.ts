import type { Hex } from '@ogong/chain/hex';
import { type PinOffer, readOpenedPin } from '@ogong/chain/registry/pins';
import { ConfigError } from '@ogong/host/config/config-error';
import { defineConfig } from '@ogong/host/config/define-config';
import type { Verb } from '@ogong/host/lifecycle/command-group';
import { EXIT } from '@ogong/host/log/errors';
import type { ManifestFile } from '@ogong/hub/manifest';
import { formatManifestSource, formatPlaceSource } from '@ogong/hub/place';
import { type PinnedContent, readPinnedContent } from '@ogong/hub/transfer/pinned-content';
import { formatExactTokens } from '@ogong/protocol/base/amount';
import { toHex } from '@ogong/protocol/base/bytes';
import { formatBytes, formatTable } from '@ogong/provider/commands/format';
import { type ActingClient, act, actionFields } from '../../money/act.ts';
import { tokenAmount, unitsOf } from '../../money/amount.ts';
import { askPlaces } from '../open-places.ts';
import { findPinsOf, isRunning } from './counted-pin.ts';
import { offerFields, placeField, readOfferedPlace } from './offer-fields.ts';
import { findPinnedModel, modelFields, type PinnedModel } from './pinned-model.ts';
import { shareBudget } from './share-budget.ts';

const NAME = 'ogong pins offer-model';
/** The contract takes no longer one. */
const MAX_PLACE_BYTES = 256;

const config = defineConfig({
  name: NAME,
  examples: [
    `${NAME} acme/small@1.2.0 --with <address> --budget 30 --epochs 30 --keypair <path> --deployment deployment.json`,
  ],
  summary:
    'Offers a pin of each file of a model to a storage provider, by the name on the chain. The budget is shared over the files by size.\n' +
    'A file that this account pins with this provider already is left out, so the same command again offers only the rest.\n' +
    'A file that is not on this machine is read from its places to compute its pin root, and not kept.',
  fields: {
    ...actionFields,
    ...modelFields,
    ...offerFields,
    budget: { schema: tokenAmount, required: true, description: 'fees of all files and all epochs together' },
    least: {
      schema: tokenAmount,
      default: '0.001',
      description: 'least fee of one epoch of a file; providers ask for it, because each proof takes gas',
    },
    place: { ...placeField, description: `${placeField.description}. Default: one of the registry` },
  },
  positionals: { label: '<maker/model[@version]>', min: 1, max: 1 },
});

/** A file with its part of the budget. */
interface PlannedPin {
  readonly file: ManifestFile;
  /** Atomic units. */
  readonly feePerEpoch: bigint;
  /** Number of its pin: the running one, or the one that this call opened. */
  pin?: bigint;
  state: 'missing' | 'running' | 'opened';
}

export const offerModelVerb: Verb = {
  summary: 'offer pins of all files of a model',
  async run(argv, output) {
    const parsed = config.parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { with: account, budget, least, epochs, epochBlocks, place: written, ...values } = parsed.values;
    const provider: Hex = `0x${account}`;
    const model = await findPinnedModel(NAME, parsed.positionals[0] as string, values);
    const place = nameManifest(
      model,
      written === undefined ? findOfferedPlace(model) : readOfferedPlace(NAME, written),
    );
    const plan = planPins(model, { budget: budget.atomic, leastFee: least.atomic, epochs });
    return act(NAME, values, output, {
      does: ({ token, format }) =>
        `lock up to ${format(budget.atomic, token)} for ${epochs} epochs of ${model.name} with ${provider}`,
      amounts: [
        { flag: 'budget', amount: budget, is: 'token' },
        { flag: 'least', amount: least, is: 'token' },
      ],
      fields: () => ({ model: model.name, provider, place, files: plan.map((one) => encodePlanned(one, epochs)) }),
      async run({ openPins }, client) {
        await markRunning(plan, provider, client);
        if (values.json !== true) output.write(formatPlan(plan, epochs, client));
        const missing = plan.filter(({ state }) => state === 'missing');
        await assertBalance(missing, epochs, client);
        const contents = client.isDry ? missing.map(toDryContent) : await readContents(missing, model);
        const terms = { provider, epochs, epochBlocks, place };
        const offers = missing.map(({ feePerEpoch }, i): PinOffer => {
          return { ...(contents[i] as PinnedContent), ...terms, feePerEpoch };
        });
        const receipts = await openPins(offers);
        if (client.isDry) return;
        for (const [i, one] of missing.entries()) {
          const receipt = receipts[i];
          if (receipt === undefined) continue;
          one.pin = readOpenedPin(receipt);
          one.state = 'opened';
        }
      },
    });
  },
};

/** A server of HTTP first: each provider reads it without settings. @throws ConfigError for a model without a place. */
function findOfferedPlace({ name, places }: PinnedModel): string {
  const place = places.find(({ kind }) => kind === 'http') ?? places[0];
  if (place === undefined)
    throw new ConfigError(NAME, [
      `the registry names no place of ${name}: write --place, from which the provider fetches`,
    ]);
  return formatPlaceSource(place);
}

/** Names the manifest before the place if both fit into the contract. Then the provider keeps it beside the files. */
function nameManifest({ manifest }: PinnedModel, place: string): string {
  const named = `${formatManifestSource(manifest)} ${place}`;
  return named.length > MAX_PLACE_BYTES ? place : named;
}

interface Terms {
  /** Atomic units. */
  readonly budget: bigint;
  readonly leastFee: bigint;
  readonly epochs: number;
}

/** @throws ConfigError for a budget below the least fees. */
function planPins({ name, files }: PinnedModel, { budget, leastFee, epochs }: Terms): PlannedPin[] {
  const sizes = files.map(({ sizeBytes }) => sizeBytes);
  const fees = shareBudget(sizes, { feePerEpoch: budget / BigInt(epochs), leastFee });
  if (fees === undefined)
    throw new ConfigError(NAME, [
      `--budget: ${epochs} epochs of the ${files.length} files of ${name} need ${formatExactTokens(leastFee * BigInt(files.length * epochs))} tokens at least; raise it, or lower --epochs or --least`,
    ]);
  return files.map((file, i) => ({ file, feePerEpoch: fees[i] as bigint, state: 'missing' }));
}

async function markRunning(plan: readonly PlannedPin[], provider: Hex, client: ActingClient): Promise<void> {
  const blobs = new Map(plan.map((one) => [`0x${toHex(one.file.blockRoot)}` as Hex, one]));
  for (const shown of await findPinsOf(client, new Set(blobs.keys()), client.address)) {
    const planned = blobs.get(shown.pin.blob);
    if (planned === undefined || shown.pin.provider !== provider.toLowerCase() || !isRunning(shown)) continue;
    planned.pin = shown.pin.pin;
    planned.state = 'running';
  }
}

const sumFees = (plan: readonly PlannedPin[], epochs: number): bigint =>
  plan.reduce((sum, { feePerEpoch }) => sum + feePerEpoch * BigInt(epochs), 0n);

/** Fails before any file is read. @throws ConfigError */
async function assertBalance(missing: readonly PlannedPin[], epochs: number, client: ActingClient): Promise<void> {
  const needed = sumFees(missing, epochs);
  const has = await client.balanceOf(client.address);
  if (has >= needed) return;
  const { token } = unitsOf(client.deployment);
  const [own, wanted] = [has, needed].map((amount) => client.format(amount, token));
  throw new ConfigError(NAME, [`--budget: ${client.address} has ${own}, and the missing pins take ${wanted}`]);
}

/** A dry run reads no file. The contract accepts any pin root, so the cost is that of the right one. */
const toDryContent = ({ file: { blockRoot, sizeBytes } }: PlannedPin): PinnedContent => ({
  ...{ blob: blockRoot, pinRoot: blockRoot, sizeBytes },
});

function readContents(missing: readonly PlannedPin[], { hub, ownPlaces, places }: PinnedModel) {
  const { store } = hub;
  return askPlaces({ ...hub, ownPlaces }, async ({ openPlace, signal }) => {
    const sources = [...ownPlaces, ...places]
      .map((place) => openPlace?.(place))
      .filter((source) => source !== undefined);
    const contents: PinnedContent[] = [];
    for (const { file } of missing) contents.push(await readPinnedContent(file, { store, sources, signal }));
    return contents;
  });
}

const encodePlanned = ({ file, feePerEpoch, pin, state }: PlannedPin, epochs: number) => ({
  ...{ path: file.path, blob: toHex(file.blockRoot), sizeBytes: file.sizeBytes, state, pin: pin?.toString() ?? null },
  ...{ feePerEpoch: feePerEpoch.toString(), fees: (feePerEpoch * BigInt(epochs)).toString() },
});

function formatPlan(
  plan: readonly PlannedPin[],
  epochs: number,
  { deployment, format }: Pick<ActingClient, 'deployment' | 'format'>,
): string {
  const { token } = unitsOf(deployment);
  const rows = plan.map(({ file: { path, sizeBytes }, feePerEpoch, pin, state }) => [
    ...[path, formatBytes(sizeBytes), format(feePerEpoch, token)],
    ...(state === 'running' ? ['-', `pin ${pin} runs`] : [format(feePerEpoch * BigInt(epochs), token), '']),
  ]);
  const missing = plan.filter(({ state }) => state === 'missing');
  const total = ['all', '', '', format(sumFees(missing, epochs), token)];
  return formatTable(['file', 'size', 'an epoch', `${epochs} epochs`, ''], [...rows, total]);
}

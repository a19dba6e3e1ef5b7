import { join } from 'node:path';
import { defineConfig } from '@ogong/host/config/define-config';
import { define, hostPort, integer, oneOf, text } from '@ogong/host/config/values';
import { engineFields } from '../engine/engine-config.ts';
import { dataDirField, logLevel, machinesKeyField } from '../provider/provider-config.ts';

/** Layers `first-last`, both of them included, from 0. @returns [first, last + 1). */
const layers = define('layers such as 0-19, from 0', '<first-last>', (value) => {
  const [, first, last] = /^(\d{1,5})-(\d{1,5})$/.exec(value) ?? [];
  const range = { from: Number(first), to: Number(last) + 1 };
  return range.from < range.to ? range : undefined;
});

/** llama.cpp spreads layers over its rpc-server processes only if it is built with that back end. The prebuilt libraries are not. */
export const RPC_REFUSAL =
  '--rpc-servers needs the RPC back end of llama.cpp (libggml-rpc), which the prebuilt library lacks; use ogong-provider segment on the other machines, and --with here (docs/own-machines.md)';

/** On the network the class would not name the devices behind the RPC, so it would not be honest. */
export const RPC_NETWORK_REFUSAL =
  '--rpc-servers is not for the network: the numeric class of an answer would not name the machines behind it, and no verifier could repeat it';

/** Returns the file of the key that an owner's machines share. */
export const findMachinesKey = ({
  machinesKey,
  dataDir,
}: {
  readonly machinesKey: string | undefined;
  readonly dataDir: string;
}): string => machinesKey ?? join(dataDir, 'machines.key');

export const segmentConfig = defineConfig({
  name: 'ogong-provider segment',
  examples: [
    'ogong-provider segment --model llama3.1:8b --layers 0-15 --listen 192.168.1.20:4711',
    'ogong-provider segment --slab slabs/slab-0-16.gguf --listen 192.168.1.20:4711',
  ],
  summary:
    'Computes some layers of a model for another of your machines, which runs ogong-provider local --with.\n' +
    'Only machines with the same machines key are served, one at a time, over TLS.',
  fields: {
    slab: { schema: text, label: '<file>', description: 'a slab that ogong model split has written' },
    model: {
      schema: text,
      label: '<path|name>',
      description: 'a whole model, in place of --slab: --layers are cut out of it and kept beside the models',
    },
    layers: { schema: layers, description: 'first and last layer of --model that this machine computes' },
    listen: {
      schema: hostPort,
      label: '<addr>',
      env: 'OGONG_SEGMENT_LISTEN',
      default: '127.0.0.1:4711',
      description: 'bind address; name one that your other machines reach',
    },
    ...machinesKeyField,
    nCtx: {
      schema: integer({ min: 16, max: 1 << 20 }),
      label: '<n>',
      env: 'OGONG_N_CTX',
      default: '4096',
      description: 'prompt and reply, in tokens',
    },
    sequences: {
      schema: integer({ min: 1, max: 64 }),
      label: '<n>',
      env: 'OGONG_SEQUENCES',
      default: '2',
      description: 'replies at a time',
    },
    kernels: {
      schema: oneOf(['exact', 'tiled']),
      env: 'OGONG_KERNELS',
      default: 'exact',
      description: 'exact, or tiled with faster long prompts; the same on all machines of a model',
    },
    kvType: {
      ...engineFields.kvType,
      description: 'how keys and values are kept; the same on all machines of a model',
    },
    isa: engineFields.isa,
    threads: engineFields.threads,
    modelsDir: engineFields.modelsDir,
    hubEndpoint: engineFields.hubEndpoint,
    hubToken: engineFields.hubToken,
    ...dataDirField,
    logLevel,
  },
});

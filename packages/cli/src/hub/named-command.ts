import { chainFields, modelsDirField } from '@ogong/host/config/common-fields';
import type { Config } from '@ogong/host/config/define-config';
import type { ConfigFields, Values } from '@ogong/host/config/field';
import type { Command, Output } from '@ogong/host/lifecycle/command';
import { EXIT } from '@ogong/host/log/errors';
import type { VersionedName } from '@ogong/hub/named/hub-name';
import type { RegistryEntry } from '@ogong/hub/named/registry-entry';
import type { HubPlace } from '@ogong/hub/place';
import { type OpenedHub, openHub, readEntry, readName } from './open-hub.ts';
import { readPlaces } from './open-places.ts';

/** Fields of each command that looks a model up on the chain. */
export const namedFields = { ...chainFields, ...modelsDirField } as const;

type NamedValues = Values<typeof namedFields> & { readonly from?: readonly string[] };

/** A command about one model of the registry, with its arguments parsed. */
export interface NamedCall<V> {
  readonly values: V;
  readonly name: VersionedName;
  readonly hub: OpenedHub;
  /** Entry of the registry about the model. */
  readonly entry: RegistryEntry;
  /** Places of `--from`; none without the flag. */
  readonly ownPlaces: readonly HubPlace[];
  readonly output: Output;
}

/** Creates a command whose only argument is the name of a model. Text that is no name, and an unknown name, are refused before it runs. */
export const createNamedCommand =
  <S extends ConfigFields>(
    { definition, parse }: Config<S> & (Values<S> extends NamedValues ? unknown : never),
    run: (call: NamedCall<Values<S>>) => Promise<number>,
  ): Command['run'] =>
  async (argv, output) => {
    const parsed = parse(argv, process.env);
    if (parsed.kind === 'print') {
      output.write(parsed.text);
      return EXIT.ok;
    }
    const { values, positionals } = parsed;
    const own = values as NamedValues;
    const name = readName(definition.name, positionals[0] as string);
    const ownPlaces = readPlaces(definition.name, 'from', own.from ?? []);
    const hub = await openHub(definition.name, own);
    return run({ values, name, hub, entry: await readEntry(hub, name), ownPlaces, output });
  };

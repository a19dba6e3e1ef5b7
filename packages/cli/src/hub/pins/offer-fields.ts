import { ConfigError } from '@ogong/host/config/config-error';
import { hex, integer, text } from '@ogong/host/config/values';
import { formatPlaceSource, PLACE_FORMS, parsePlace } from '@ogong/hub/place';

/** Terms of every offer of a pin. */
export const offerFields = {
  with: { schema: hex(20), required: true, description: "the storage provider's account, without 0x" },
  epochs: { schema: integer({ min: 1, max: 1_048_576 }), default: '30', description: 'epochs that are paid' },
  epochBlocks: {
    schema: integer({ min: 8, max: 4_294_967_295 }),
    default: '7200',
    description: 'blocks of an epoch; providers accept epochs up to a length of their own',
  },
} as const;

export const placeField = {
  schema: text,
  label: '<place>',
  description: `place of the hub from which the provider fetches: ${PLACE_FORMS}`,
} as const;

/** Reads the place of an offer as the contract keeps it. @throws ConfigError for text that is no place. */
export function readOfferedPlace(program: string, text: string): string {
  const place = parsePlace(text);
  if (place === undefined)
    throw new ConfigError(program, [`--place ${text.slice(0, 260)} is no place: ${PLACE_FORMS}`]);
  return formatPlaceSource(place);
}

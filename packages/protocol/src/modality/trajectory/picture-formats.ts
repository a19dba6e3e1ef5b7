import { toBase64 } from '../../base/bytes.ts';
import type { PictureSize } from './picture-size.ts';
import { changesPicture, type PictureRequest, type TrajectoryEndpoint } from './request.ts';

type PictureWords = Readonly<Record<string, unknown>>;

/** A picture as an answer shows it. */
export interface ShownPicture {
  readonly size: PictureSize;
  readonly png?: Uint8Array;
  /** Values of the last latent, in place of a picture, of a link that ends before the last step. */
  readonly latent?: Uint8Array;
  /** Billed units. */
  readonly units: number;
}

/**
 * Formats a body in OpenAI's form. Nothing keeps pictures behind an address, so a `url` is a `data:` URL.
 * @param created Unix time, s.
 */
export function formatPictures(
  { responseFormat }: Pick<PictureRequest, 'responseFormat'>,
  { created, pictures }: { readonly created: number; readonly pictures: readonly ShownPicture[] },
): PictureWords {
  return {
    created,
    ...describePictures(pictures),
    data: pictures.map((picture) => {
      const shown = formatShown(picture);
      if (!('b64_json' in shown) || responseFormat !== 'url') return shown;
      return { url: `${PNG_URL}${shown.b64_json}` };
    }),
  };
}

/** A latent stands in the form in which the next link's request has it. */
const formatShown = ({ png = new Uint8Array(), latent }: Pick<ShownPicture, 'png' | 'latent'>) =>
  latent === undefined ? { b64_json: toBase64(png) } : { latent: `${LATENT_URL}${toBase64(latent)}` };

const LATENT_URL = 'data:application/octet-stream;base64,';

const PNG_URL = 'data:image/png;base64,';

/** Names the events of an endpoint. OpenAI's API has no stream of variations. */
const nameEvents = (endpoint: TrajectoryEndpoint): string =>
  changesPicture(endpoint) ? 'image_edit' : 'image_generation';

/** A step of a picture that a stream names. */
export interface ShownStep {
  /** Number of the picture among those of the request. */
  readonly choice: number;
  /** Computed steps, from 1. */
  readonly step: number;
  readonly steps: number;
}

/** Formats the event of a step. OpenAI's API has none; its clients pass it on. */
export const formatStepEvent = (
  { endpoint }: Pick<PictureRequest, 'endpoint'>,
  { choice, step, steps }: ShownStep,
): PictureWords & { readonly type: string } => ({
  type: `${nameEvents(endpoint)}.progress`,
  ...{ step, steps, ogong: { choice } },
});

/**
 * Formats the event of a preview. Nothing proves it.
 * @param index of the preview, from 0.
 */
export function formatPreviewEvent(
  { endpoint }: Pick<PictureRequest, 'endpoint'>,
  {
    created,
    choice,
    index,
    size: { width, height },
    png,
  }: Pick<ShownPicture, 'size'> & {
    readonly png: Uint8Array;
    readonly created: number;
    readonly choice: number;
    readonly index: number;
  },
): PictureWords & { readonly type: string } {
  return {
    type: `${nameEvents(endpoint)}.partial_image`,
    ...{ created_at: created, quality: 'auto', background: 'opaque', output_format: 'png', size: `${width}x${height}` },
    ...{ partial_image_index: index, b64_json: toBase64(png), ogong: { choice, checked: false } },
  };
}

/** Formats the event of a stream that shows a whole picture. */
export function formatPictureEvent(
  { endpoint }: Pick<PictureRequest, 'endpoint'>,
  { created, picture }: { readonly created: number; readonly picture: ShownPicture },
): PictureWords & { readonly type: string } {
  return {
    type: `${nameEvents(endpoint)}.completed`,
    ...{ created_at: created, quality: 'auto' },
    ...describePictures([picture]),
    ...formatShown(picture),
  };
}

/** Units count as tokens of the output. Prompts bill nothing. */
function describePictures(pictures: readonly ShownPicture[]): PictureWords {
  const units = pictures.reduce((sum, picture) => sum + picture.units, 0);
  const { width, height } = pictures[0]?.size ?? { width: 0, height: 0 };
  return {
    ...{ background: 'opaque', output_format: 'png', size: `${width}x${height}` },
    usage: {
      ...{ input_tokens: 0, input_tokens_details: { image_tokens: 0, text_tokens: 0 } },
      ...{ output_tokens: units, total_tokens: units },
    },
  };
}

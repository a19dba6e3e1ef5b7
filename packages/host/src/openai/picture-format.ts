import { encodePng, type Picture } from '../media/png.ts';
import type { Json } from './format.ts';

export interface ShownPicture extends Picture {}

export interface PictureFormat {
  /** Unix time, s. */
  readonly createdAt: number;
  /** `url`: a `data:` URL, since no server keeps the picture. */
  readonly responseFormat: 'b64_json' | 'url';
}

/** A picture in OpenAI's terms. */
interface FormattedPicture {
  readonly size: string;
  readonly place: { readonly b64_json: string } | { readonly url: string };
}

async function formatPicture(
  picture: ShownPicture,
  responseFormat: PictureFormat['responseFormat'],
): Promise<FormattedPicture> {
  const base64 = Buffer.from(await encodePng(picture)).toString('base64');
  const place = responseFormat === 'url' ? { url: `data:image/png;base64,${base64}` } : { b64_json: base64 };
  return { size: `${picture.width}x${picture.height}`, place };
}

const COMMON = { background: 'opaque', output_format: 'png' } as const;

/** Formats the document of OpenAI's `POST /v1/images/generations`. */
export async function formatPictures(
  pictures: readonly ShownPicture[],
  { createdAt, responseFormat }: PictureFormat,
): Promise<Json> {
  const formatted = await Promise.all(pictures.map((picture) => formatPicture(picture, responseFormat)));
  const [first] = formatted;
  return {
    created: createdAt,
    ...COMMON,
    ...(first && { size: first.size }),
    data: formatted.map(({ place }) => place),
  };
}

/** Formats the event that ends a picture of a stream. */
export async function formatPictureEvent(
  picture: ShownPicture,
  { createdAt, responseFormat }: PictureFormat,
): Promise<Json> {
  const { size, place } = await formatPicture(picture, responseFormat);
  return { type: 'image_generation.completed', created_at: createdAt, ...COMMON, size, ...place };
}

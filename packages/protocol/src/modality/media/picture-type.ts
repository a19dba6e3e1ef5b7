/** A format of still pictures that is decoded. */
export type PictureType = 'png' | 'jpeg' | 'gif' | 'webp';

/** The most bytes that are needed to recognise a picture. */
export const PICTURE_MARK_BYTES = 12;

/** Recognises a picture by its first bytes; undefined for other bytes. The rest of the file is not read. */
export function recognisePicture(file: Uint8Array): PictureType | undefined {
  const mark = String.fromCharCode(...file.subarray(0, PICTURE_MARK_BYTES));
  if (mark.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (mark.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (mark.startsWith('GIF87a') || mark.startsWith('GIF89a')) return 'gif';
  return mark.startsWith('RIFF') && mark.endsWith('WEBP') ? 'webp' : undefined;
}

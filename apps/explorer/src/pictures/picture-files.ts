// Pictures that go with a question. The page of local mode has this code too (scripts/build-local-scripts.ts).

const KNOWN = /^image\/(png|jpeg|webp|gif)$/;
export const PICTURE_TYPES = 'image/png,image/jpeg,image/webp,image/gif';
export const OTHER_FILE = 'A picture is a PNG, JPEG, WebP or GIF file.';

/** Reads the pictures among files as data URLs, and counts the other files. */
export async function readPictureFiles(
  files: readonly File[],
): Promise<{ readonly urls: readonly string[]; readonly others: number }> {
  const known = files.filter(({ type }) => KNOWN.test(type));
  return { urls: await Promise.all(known.map(toUrl)), others: files.length - known.length };
}

const toUrl = (file: File): Promise<string> =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });

/** Takes pasted or dropped files. Text stays with the browser, even if an office program adds a picture of it. */
export function takeFiles(event: Event, given: DataTransfer | null): readonly File[] {
  if (given === null || given.files.length === 0 || given.types.includes('text/plain')) return [];
  event.preventDefault();
  return [...given.files];
}

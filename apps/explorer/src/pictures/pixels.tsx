import { useLayoutEffect, useRef } from 'preact/hooks';
import type { DrawnPicture } from './drawn-picture.ts';

/** Draws RGB8 as it is: no file format and no decoder stand between the signed bytes and the screen. */
export function Pixels({ picture, label, name }: { picture: DrawnPicture; label: string; name: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width, height, pixels } = picture;
  useLayoutEffect(() => {
    const image = new ImageData(width, height);
    for (let from = 0, to = 0; from < pixels.length; from += 3, to += 4) {
      image.data.set(pixels.subarray(from, from + 3), to);
      image.data[to + 3] = 255;
    }
    canvas.current?.getContext('2d')?.putImageData(image, 0, 0);
  }, [pixels]);
  return <canvas ref={canvas} class={name} width={width} height={height} role="img" aria-label={label} />;
}

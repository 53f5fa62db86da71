/** Figures by themselves: for the tools that draw files. */
export * from './band-figure.js';
export * from './point-figure.js';
export * from './standalone.js';
export { INK, type Ink } from './svg.js';

/** The release of this package: both ends of a connection must be of the same one. A test compares it to package.json. */
export const release = "0.1.0"

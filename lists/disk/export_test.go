package disk

// FileName is the file with the lists.
const FileName = fileName

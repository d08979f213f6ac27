package wire_test

// What goes with large values: kinds, and bodies of valid frames.
const (
	kindFetch = 16
	kindChunk = 17
	kindOffer = 18
	kindHas   = 19
)

var (
	packedUpload   = fields{1, 2}
	packedHash     = make([]byte, 32)
	packedPiece    = fields{packedUpload, 100, 50, packedHash}
	packedManifest = fields{packedUpload, 150, 100, make([]byte, 64)}
	packedFetch    = fields{list{packedPiece, packedPiece}}
	packedChunk    = fields{packedPiece, make([]byte, 50)}
	packedOffer    = fields{packedManifest}
	packedHas      = fields{packedUpload}
	packedLarge    = with(packedFrame, packedManifest, 3, 0, 3).(fields)
)

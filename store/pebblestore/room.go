package pebblestore

import "fmt"

// Room returns how many bytes are free where the store lies, for it and all others.
func (s *Store) Room() (uint64, error) {
	usage, err := s.fs.GetDiskUsage(s.staging)
	if err != nil {
		return 0, fmt.Errorf("free space: %w", err)
	}
	return usage.AvailBytes, nil
}

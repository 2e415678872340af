-- Which profiles have the most followers now, as their newest post with a follower count says?
-- :rows  how many of them, or ALL; 20 unless given
SELECT poster_name, latest_follower_count, posts, last_posted_at
FROM postgresql.public.profile_popularity
WHERE latest_follower_count IS NOT NULL
ORDER BY latest_follower_count DESC, posts DESC, poster_name
LIMIT :rows
